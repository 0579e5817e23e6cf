import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { decodeResult, parseResult } from "./decode-result.ts";

function refused(value: unknown, message: RegExp): void {
  throws(() => decodeResult(value, "1.0.0"), { code: Code.InvalidArgument, message });
}

test("the oldest form becomes addresses and routes without interfaces", () => {
  const result = decodeResult(
    {
      cniVersion: "0.2.0",
      ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] },
      ip6: { ip: "fd00::2/64", routes: [{ dst: "::/0" }] },
      dns: { nameservers: ["10.0.0.10"] },
    },
    "1.0.0",
  );
  deepEqual(result, {
    cniVersion: "1.1.0",
    interfaces: [],
    ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }, { address: "fd00::2/64" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "::/0" }],
    dns: { nameservers: ["10.0.0.10"] },
  });
});

test("the form of 0.3 and 0.4 loses only the version of an address", () => {
  const result = decodeResult(
    {
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", mac: "0a:58:0a:00:00:02", sandbox: "/run/netns/x" }],
      ips: [{ version: "4", address: "10.0.0.2/24", interface: 0 }],
    },
    "1.0.0",
  );
  deepEqual(result.ips, [{ address: "10.0.0.2/24", interface: 0 }]);
  deepEqual(result.interfaces, [{ name: "eth0", mac: "0a:58:0a:00:00:02", sandbox: "/run/netns/x" }]);
});

test("all fields of the newest form are kept, unknown ones are dropped", () => {
  const value = {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "net1", mac: "0a:58:0a:00:00:02", mtu: 9000, sandbox: "/n", socketPath: "/s", pciID: "0000:00:1f.6" },
    ],
    ips: [{ address: "fd00::2/64", gateway: "fd00::1", interface: 0 }],
    routes: [{ dst: "::/0", gw: "fd00::1", mtu: 1400, advmss: 1360, priority: 100, table: 254, scope: 0 }],
    dns: { nameservers: ["fd00::a"], domain: "local", search: ["a.local"], options: ["ndots:5"] },
  };
  deepEqual(decodeResult({ ...value, vendor: 1 }, "1.1.0"), value);
});

test("a result without version is of its configuration's version", () => {
  equal(decodeResult({ ip4: { ip: "10.0.0.2/24" } }, "0.2.0").ips.length, 1);
  equal(decodeResult({ ip4: { ip: "10.0.0.2/24" } }, "1.0.0").ips.length, 0);
});

test("absent things may be written as null or empty text", () => {
  const result = decodeResult(
    {
      interfaces: null,
      ips: [{ address: "10.0.0.2/24", gateway: "", interface: null }],
      routes: null,
      dns: { domain: "", search: null },
    },
    "1.0.0",
  );
  deepEqual(result.ips, [{ address: "10.0.0.2/24" }]);
  deepEqual(result.dns, {});
});

test("a bad value is named with its field", () => {
  for (const address of [
    "10.0.0.2",
    "10.0.0.2/33",
    "10.0.0.2/024",
    "10.0.0.256/24",
    "fd00::2/129",
    "fe80::1%eth0/64",
    "",
    "x/8",
    "10.0.0.2/ 8",
  ])
    refused({ ips: [{ address }] }, /ips\[0\]\.address ".*": is no IP address with prefix length/);
  refused({ ips: [{ address: "10.0.0.2/24", gateway: "nowhere" }] }, /ips\[0\]\.gateway "nowhere": is no IP address/);
  refused(
    { ips: [{ address: "10.0.0.2/24", version: "6" }] },
    /ips\[0\]\.version "6" is not that of address "10.0.0.2\/24"/,
  );
  refused(
    { ips: [{ address: "10.0.0.2/24", interface: 0 }] },
    /ips\[0\]\.interface 0 is out of range \(0 interfaces\)/,
  );
  refused(
    { interfaces: [{ name: "a" }], ips: [{ address: "10.0.0.2/24", interface: -1 }] },
    /interface -1 is out of range/,
  );
  refused({ ips: [{ address: "10.0.0.2/24", interface: 0.5 }] }, /ips\[0\]\.interface 0\.5/);
  refused({ ips: "10.0.0.2/24" }, /ips "10\.0\.0\.2\/24"/);
  refused({ interfaces: [{ mac: "x" }] }, /interfaces\[0\]\.name undefined/);
  refused({ interfaces: [{ name: "eth0", mac: "zz" }] }, /interfaces\[0\]\.mac "zz": is no hardware address/);
  refused(
    { interfaces: [{ name: "eth0", sandbox: "/run\n" }] },
    /interfaces\[0\]\.sandbox .*: has a control character/,
  );
  refused({ routes: [{ dst: "default" }] }, /routes\[0\]\.dst "default"/);
  refused({ dns: { nameservers: ["1.1.1.1\noptions evil"] } }, /dns\.nameservers\[0\] .*: has a control character/);
  refused({ cniVersion: "9.9.9" }, /cniVersion "9\.9\.9" is not supported/);
  refused([], /\[\] is no object/);
  throws(() => decodeResult({ ip4: { ip: "fd00::2/64" } }, "0.2.0"), /ip4\.ip "fd00::2\/64" is of the other family/);
});

test("text that is no JSON object is quoted by its start", () => {
  for (const text of [
    "",
    "Segmentation fault",
    "[1]",
    "null",
    "nul",
    '"x"',
    "[".repeat(100_000),
    "x".repeat(1_000_000),
  ])
    throws(
      () => parseResult(text, "1.0.0"),
      (error: Error) => error.message.startsWith("reading CNI result: ") && error.message.length < 500,
    );
});
