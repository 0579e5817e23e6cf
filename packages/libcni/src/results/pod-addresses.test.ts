import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { mergeResults } from "./merge-results.ts";
import { podAddresses, type IpPreference } from "./pod-addresses.ts";
import type { AddResult, IpConfig } from "./types.ts";

function resultOf(ips: readonly IpConfig[], interfaces: AddResult["interfaces"] = []): AddResult {
  return { cniVersion: "1.1.0", interfaces, ips, routes: [], dns: {} };
}

const dual = resultOf([{ address: "fd00::2/64" }, { address: "10.0.0.2/24" }, { address: "10.0.1.2/24" }]);

test("the first address of the preferred family is the pod's, the others keep their order", () => {
  const expected: readonly (readonly [IpPreference, string, readonly string[]])[] = [
    ["ipv4", "10.0.0.2", ["fd00::2", "10.0.1.2"]],
    ["", "10.0.0.2", ["fd00::2", "10.0.1.2"]],
    ["ipv6", "fd00::2", ["10.0.0.2", "10.0.1.2"]],
    ["cni", "fd00::2", ["10.0.0.2", "10.0.1.2"]],
  ];
  for (const [preference, ip, additionalIps] of expected)
    deepEqual(podAddresses(dual, preference), { ip, additionalIps });
});

test("an absent family gives the first address, an interface without any is an error", () => {
  deepEqual(podAddresses(resultOf([{ address: "10.0.0.2/24" }]), "ipv6"), { ip: "10.0.0.2", additionalIps: [] });
  throws(() => podAddresses(resultOf([])), { code: Code.FailedPrecondition, message: /interface "eth0" has none/ });
  throws(
    () => podAddresses(resultOf([{ address: "10.0.0.2/24", interface: 0 }], [{ name: "cni0" }])),
    /"eth0" has none/,
  );
});

test("results of several networks merge by interface name; addresses without one belong to the interface asked for", () => {
  const first = resultOf(
    [{ address: "10.0.0.2/24", interface: 1, gateway: "10.0.0.1" }],
    [
      { name: "cni0", mac: "0a:00:00:00:00:01" },
      { name: "eth0", mac: "0a:00:00:00:00:02", sandbox: "/n" },
    ],
  );
  const second = resultOf([{ address: "10.9.0.2/24" }, { address: "10.9.0.2/24" }], [{ name: "eth0" }]);
  const merged = mergeResults([
    { ifName: "eth0", result: first },
    { ifName: "eth1", result: { ...second, dns: { nameservers: ["10.9.0.1"] } } },
  ]);
  deepEqual(Object.fromEntries(merged.interfaces), {
    eth0: { mac: "0a:00:00:00:00:02", sandbox: "/n", ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }] },
    cni0: { mac: "0a:00:00:00:00:01", ips: [] },
    eth1: { ips: [{ address: "10.9.0.2/24" }] },
  });
  deepEqual(merged.dns, [{ nameservers: ["10.9.0.1"] }]);
  deepEqual(podAddresses(merged, "", "eth1"), { ip: "10.9.0.2", additionalIps: [] });
});
