import { doesNotThrow, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { ContainerAdjustmentSchema } from "@crib/wire/nri";

import { checkReply } from "./check-reply.ts";

type Init = MessageInitShape<typeof ContainerAdjustmentSchema>;

function check(init: Init): void {
  checkReply("10-p", { adjust: create(ContainerAdjustmentSchema, init), update: [] });
}

const good: readonly (readonly [string, Init])[] = [
  ["removals", { annotations: { "-a": "" }, env: [{ key: "-E" }], mounts: [{ destination: "-/m" }] }],
  ["a bind mount", { mounts: [{ destination: "/m", type: "bind", source: "/s", options: ["rbind", "ro"] }] }],
  ["a device", { linux: { devices: [{ path: "/dev/x", type: "c", major: 1n, minor: 3n }] } }],
  ["a CDI device", { CDIDevices: [{ name: "vendor.com/net=eth0" }] }],
  ["no limit of processes", { linux: { resources: { pids: { limit: -1n } } } }],
  ["the largest number", { linux: { resources: { memory: { limit: { value: 2n ** 53n - 1n } } } } }],
  ["sysctls in both ways", { linux: { sysctl: { "net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/x": "0" } } }],
];

for (const [what, init] of good) test(`${what}: taken`, () => doesNotThrow(() => check(init)));

const bad: readonly (readonly [string, Init, RegExp])[] = [
  ["an empty annotation", { annotations: { "": "" } }, /annotation is empty/],
  ["a variable with =", { env: [{ key: "A=B" }] }, /has "="/],
  ["a NUL in a value", { env: [{ key: "A", value: "a\0" }] }, /NUL/],
  ["a relative mount", { mounts: [{ destination: "m" }] }, /not absolute/],
  ["a mount that climbs", { mounts: [{ destination: "/a/../../m" }] }, /"\.\."/],
  ["a bind of a relative source", { mounts: [{ destination: "/m", type: "bind", source: "s" }] }, /not absolute/],
  ["a hook without path", { hooks: { prestart: [{ path: "true" }] } }, /not absolute/],
  ["a hook with a negative limit", { hooks: { prestart: [{ path: "/t", timeout: { value: -1n } }] } }, /not between/],
  ["an unknown rlimit", { rlimits: [{ type: "RLIMIT_X" }] }, /not known/],
  ["a soft limit above the hard one", { rlimits: [{ type: "RLIMIT_CORE", soft: 2n, hard: 1n }] }, /above/],
  ["an rlimit that floats cannot tell", { rlimits: [{ type: "RLIMIT_CORE", hard: 2n ** 53n }] }, /not between/],
  ["a CDI device without class", { CDIDevices: [{ name: "eth0" }] }, /vendor\.com/],
  ["an unknown device type", { linux: { devices: [{ path: "/dev/x", type: "z" }] } }, /not known/],
  ["a negative device number", { linux: { devices: [{ path: "/dev/x", type: "c", major: -1n }] } }, /not between/],
  ["an unknown namespace", { linux: { namespaces: [{ type: "net" }] } }, /not known/],
  ["a sysctl that climbs", { linux: { sysctl: { "net/../../x": "1" } } }, /no name of one/],
  ["a long interface", { linux: { netDevices: { "a-name-too-long-for-it": {} } } }, /no name of one/],
  ["a cgroup that climbs", { linux: { cgroupsPath: "/a/../b" } }, /"\.\."/],
  ["an OOM score out of range", { linux: { oomScoreAdj: { value: 1001n } } }, /not between/],
  ["an I/O priority out of range", { linux: { ioPriority: { priority: 8 } } }, /not between/],
  ["an unknown scheduler", { linux: { scheduler: { policy: 99 as never } } }, /not known/],
  ["an unknown seccomp action", { linux: { seccompPolicy: { defaultAction: "ALLOW" } } }, /SCMP_ACT/],
  ["a CPU set of words", { linux: { resources: { cpu: { cpus: "all" } } } }, /not a list/],
  ["a memory limit below none", { linux: { resources: { memory: { limit: { value: -2n } } } } }, /not between/],
  [
    "too large a memory limit",
    { linux: { resources: { memory: { limit: { value: 2n ** 63n - 1n } } } } },
    /not between/,
  ],
  ["a cgroup file elsewhere", { linux: { resources: { unified: { "../memory.max": "1" } } } }, /not a name/],
  ["a huge page size of words", { linux: { resources: { hugepageLimits: [{ pageSize: "big" }] } } }, /not like/],
  ["a device rule without access", { linux: { resources: { devices: [{ allow: true, type: "c" }] } } }, /empty/],
  ["RDT in two lines", { linux: { rdt: { schemata: { value: ["L3:0=f\nMB:0=1"] } } } }, /more than one/],
];

for (const [what, init, why] of bad) {
  test(`${what}: refused, naming the plugin`, () => {
    throws(
      () => check(init),
      (error: Error & { code?: number }) => {
        return error.code === Code.FailedPrecondition && why.test(error.message) && error.message.includes('"10-p"');
      },
    );
  });
}
