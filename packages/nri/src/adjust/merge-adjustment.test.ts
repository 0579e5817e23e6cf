import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { type ContainerAdjustment, ContainerAdjustmentSchema, Field } from "@crib/wire/nri";

import { testContainer } from "../testing/test-nri.ts";
import { AdjustmentMerge } from "./merge-adjustment.ts";

type Init = MessageInitShape<typeof ContainerAdjustmentSchema>;

function adjustment(init: Init): ContainerAdjustment {
  return create(ContainerAdjustmentSchema, init);
}

function merged(...replies: readonly Init[]): AdjustmentMerge {
  const merge = new AdjustmentMerge(testContainer({ env: ["A=1", "B=2"], annotations: { old: "1" } }));
  for (const [at, reply] of replies.entries()) merge.apply(`${at}0-plugin`, adjustment(reply));
  return merge;
}

const hook = { path: "/bin/true", args: [], env: [] };
const value = { value: 1n };

/** One of each field that has one owner: two plugins that set it are in conflict. */
const owned: readonly (readonly [string, Init])[] = [
  ['annotation "k"', { annotations: { k: "v" } }],
  ['mount "/m"', { mounts: [{ destination: "/m" }] }],
  ['environment variable "E"', { env: [{ key: "E", value: "v" }] }],
  ['rlimit "RLIMIT_CORE"', { rlimits: [{ type: "RLIMIT_CORE" }] }],
  ['CDI device "v/c=d"', { CDIDevices: [{ name: "v/c=d" }] }],
  ["arguments", { args: ["sh"] }],
  ['device "/dev/x"', { linux: { devices: [{ path: "/dev/x" }] } }],
  ['namespace "ipc"', { linux: { namespaces: [{ type: "ipc" }] } }],
  ['sysctl "a.b"', { linux: { sysctl: { "a.b": "1" } } }],
  ['network device "eth1"', { linux: { netDevices: { eth1: {} } } }],
  ["cgroups path", { linux: { cgroupsPath: "/x" } }],
  ["OOM score adjustment", { linux: { oomScoreAdj: { value: 0n } } }],
  ["I/O priority", { linux: { ioPriority: {} } }],
  ["seccomp policy", { linux: { seccompPolicy: {} } }],
  ["scheduler", { linux: { scheduler: {} } }],
  ["memory policy", { linux: { memoryPolicy: {} } }],
  ["RDT class of service", { linux: { rdt: { closId: { value: "a" } } } }],
  ["RDT schemata", { linux: { rdt: { schemata: { value: [] } } } }],
  ["RDT monitoring", { linux: { rdt: { enableMonitoring: { value: false } } } }],
  ["memory limit", { linux: { resources: { memory: { limit: value } } } }],
  ["memory reservation", { linux: { resources: { memory: { reservation: value } } } }],
  ["memory swap limit", { linux: { resources: { memory: { swap: value } } } }],
  ["memory swappiness", { linux: { resources: { memory: { swappiness: value } } } }],
  ["setting of the OOM killer", { linux: { resources: { memory: { disableOomKiller: { value: false } } } } }],
  ["CPU shares", { linux: { resources: { cpu: { shares: value } } } }],
  ["CPU quota", { linux: { resources: { cpu: { quota: value } } } }],
  ["CPU period", { linux: { resources: { cpu: { period: value } } } }],
  ["CPU realtime runtime", { linux: { resources: { cpu: { realtimeRuntime: value } } } }],
  ["CPU set", { linux: { resources: { cpu: { cpus: "0" } } } }],
  ["memory nodes", { linux: { resources: { cpu: { mems: "0" } } } }],
  ["limit of processes", { linux: { resources: { pids: { limit: 5n } } } }],
  ['huge page limit "2MB"', { linux: { resources: { hugepageLimits: [{ pageSize: "2MB" }] } } }],
  ['cgroup file "memory.high"', { linux: { resources: { unified: { "memory.high": "1" } } } }],
  ["block I/O class", { linux: { resources: { blockioClass: { value: "" } } } }],
  ["RDT class", { linux: { resources: { rdtClass: { value: "" } } } }],
];

for (const [what, reply] of owned) {
  test(`two plugins that set the ${what.split(' "')[0]} are in conflict, and both are named`, () => {
    const first = merged(reply);
    equal(
      [...first.owners.counts().values()].reduce((sum, count) => sum + count, 0),
      1,
    );
    throws(() => first.apply("90-late", adjustment(reply)), {
      code: Code.FailedPrecondition,
      message: `adjusting container "c1": plugins "00-plugin" and "90-late" both set its ${what}`,
    });
  });
}

test("hooks and device rules of several plugins are put one behind the other", () => {
  const devices = [{ allow: true, type: "c", access: "r" }];
  const both = merged(
    { hooks: { prestart: [hook] }, linux: { resources: { devices } } },
    { hooks: { prestart: [hook], poststop: [hook] }, linux: { resources: { devices } } },
  );
  const result = both.result();
  deepEqual([result?.hooks?.prestart.length, result?.hooks?.poststop.length], [2, 1]);
  equal(result?.linux?.resources?.devices.length, 2);
  equal(both.owners.ownerOf({ field: Field.OciHooks }), "00-plugin,10-plugin");
});

test("what no plugin wants is no adjustment", () => {
  equal(merged().result(), undefined);
});

/** Entries that can be removed: removing and setting in one reply takes over from another plugin. */
const removable: readonly (readonly [string, Field, string, Init, Init])[] = [
  ["annotation", Field.Annotations, "k", { annotations: { k: "1" } }, { annotations: { "-k": "", k: "2" } }],
  [
    "mount",
    Field.Mounts,
    "/m",
    { mounts: [{ destination: "/m" }] },
    { mounts: [{ destination: "-/m" }, { destination: "/m" }] },
  ],
  ["variable", Field.Env, "E", { env: [{ key: "E" }] }, { env: [{ key: "-E" }, { key: "E", value: "2" }] }],
  [
    "device",
    Field.Devices,
    "/dev/x",
    { linux: { devices: [{ path: "/dev/x" }] } },
    { linux: { devices: [{ path: "-/dev/x" }, { path: "/dev/x" }] } },
  ],
  [
    "namespace",
    Field.Namespace,
    "ipc",
    { linux: { namespaces: [{ type: "ipc" }] } },
    { linux: { namespaces: [{ type: "-ipc" }, { type: "ipc", path: "/ns" }] } },
  ],
  ["sysctl", Field.Sysctl, "a", { linux: { sysctl: { a: "1" } } }, { linux: { sysctl: { "-a": "", a: "2" } } }],
  [
    "network device",
    Field.LinuxNetDevices,
    "e",
    { linux: { netDevices: { e: {} } } },
    { linux: { netDevices: { "-e": {}, e: { name: "f" } } } },
  ],
];

for (const [what, field, key, set, takeOver] of removable) {
  test(`removing and setting a ${what} takes it over from an earlier plugin`, () => {
    equal(merged(set, takeOver).owners.ownerOf({ field, key }), "10-plugin");
  });
}

test("removing alone owns what an earlier plugin had set, and of namespaces always", () => {
  const env = merged({ env: [{ key: "E", value: "1" }] }, { env: [{ key: "-E" }] });
  equal(env.owners.ownerOf({ field: Field.Env, key: "E" }), "10-plugin");
  deepEqual(
    env.result()?.env.map(({ key }) => key),
    ["-E"],
  );
  equal(merged({ env: [{ key: "-A" }] }).owners.ownerOf({ field: Field.Env, key: "A" }), undefined);
  const namespaces = merged({ linux: { namespaces: [{ type: "-ipc" }] } });
  equal(namespaces.owners.ownerOf({ field: Field.Namespace, key: "ipc" }), "00-plugin");
  const set = { linux: { namespaces: [{ type: "ipc", path: "/ns" }] } };
  throws(() => merged(set, { linux: { namespaces: [{ type: "-ipc" }] } }), /both set its namespace "ipc"/);
});

test("arguments are taken over with an empty first one", () => {
  const both = merged({ args: ["a"] }, { args: ["", "b", "c"] });
  deepEqual(both.result()?.args, ["b", "c"]);
  equal(both.owners.ownerOf({ field: Field.Args }), "10-plugin");
});

test("RDT that is removed is anybody's again", () => {
  const both = merged(
    { linux: { rdt: { closId: { value: "a" } } } },
    { linux: { rdt: { remove: true, closId: { value: "b" } } } },
  );
  const rdt = both.result()?.linux?.rdt;
  deepEqual([rdt?.remove, rdt?.closId?.value], [true, "b"]);
});

test("the next plugin sees the container as it was changed, and the container itself is not", () => {
  const container = testContainer({
    env: ["A=1", "B=2", "C=3"],
    annotations: { old: "1", gone: "1" },
    args: ["sleep"],
    mounts: [{ destination: "/a" }, { destination: "/b", source: "old" }],
    linux: { resources: { cpu: { shares: { value: 2n }, cpus: "0-3" } } },
  });
  const merge = new AdjustmentMerge(container);
  equal(merge.view(), container);
  merge.apply(
    "10-a",
    adjustment({
      env: [{ key: "-A" }, { key: "B", value: "new" }, { key: "D", value: "4" }],
      annotations: { "-gone": "", fresh: "2" },
      args: ["sh"],
      mounts: [{ destination: "/b", source: "new" }, { destination: "/c" }],
      linux: { resources: { cpu: { shares: { value: 9n } } }, oomScoreAdj: { value: 5n } },
    }),
  );
  const view = merge.view();
  deepEqual(view.env, ["B=new", "C=3", "D=4"]);
  deepEqual(view.annotations, { old: "1", fresh: "2" });
  deepEqual(view.args, ["sh"]);
  deepEqual(
    view.mounts.map(({ destination, source }) => `${destination}:${source}`),
    ["/a:", "/b:new", "/c:"],
  );
  deepEqual([view.linux?.resources?.cpu?.shares?.value, view.linux?.resources?.cpu?.cpus], [9n, "0-3"]);
  equal(view.linux?.oomScoreAdj?.value, 5n);
  deepEqual(container.env, ["A=1", "B=2", "C=3"]);
});

test("a plugin that sets something twice in one reply is in conflict with itself", () => {
  throws(
    () => merged({ env: [{ key: "E" }, { key: "E" }] }),
    /plugin "00-plugin" sets twice its environment variable "E"/,
  );
});
