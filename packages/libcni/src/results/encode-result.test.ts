import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { supportedVersions } from "../version.ts";
import { decodeResult } from "./decode-result.ts";
import { encodeResult } from "./encode-result.ts";
import type { AddResult } from "./types.ts";

const full: AddResult = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "cni0" },
    { name: "eth0", mac: "0a:58:0a:00:00:02", sandbox: "/run/netns/x", mtu: 1500, pciID: "0000:00:1f.6" },
  ],
  ips: [
    { address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 1 },
    { address: "10.0.1.2/24", interface: 1 },
    { address: "fd00::2/64", interface: 1 },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400, table: 100 }, { dst: "::/0" }],
  dns: { nameservers: ["10.0.0.10"] },
};

test("1.1.0 is the form itself", () => {
  deepEqual(encodeResult(full, "1.1.0"), full);
});

test("1.0.0 has no fields of 1.1.0", () => {
  deepEqual(encodeResult(full, "1.0.0"), {
    cniVersion: "1.0.0",
    interfaces: [{ name: "cni0" }, { name: "eth0", mac: "0a:58:0a:00:00:02", sandbox: "/run/netns/x" }],
    ips: full.ips,
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "::/0" }],
    dns: full.dns,
  });
});

test("0.3 and 0.4 have the version of each address", () => {
  const encoded = encodeResult(full, "0.4.0") as { readonly ips: readonly unknown[] };
  deepEqual(encoded.ips, [
    { version: "4", address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 1 },
    { version: "4", address: "10.0.1.2/24", interface: 1 },
    { version: "6", address: "fd00::2/64", interface: 1 },
  ]);
});

test("0.1 and 0.2 have the first address of each family with the routes of that family", () => {
  deepEqual(encodeResult(full, "0.2.0"), {
    cniVersion: "0.2.0",
    ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] },
    ip6: { ip: "fd00::2/64", routes: [{ dst: "::/0" }] },
    dns: { nameservers: ["10.0.0.10"] },
  });
  deepEqual(encodeResult({ ...full, ips: [], routes: [] }, "0.1.0"), { cniVersion: "0.1.0", dns: full.dns });
});

test("what a version can express survives the way there and back", () => {
  for (const version of supportedVersions) {
    const once = decodeResult(encodeResult(full, version), version);
    deepEqual(decodeResult(encodeResult(once, version), version), once, version);
    deepEqual(once.dns, full.dns, version);
    if (version >= "0.3.0") deepEqual(once.ips, full.ips, version);
  }
});
