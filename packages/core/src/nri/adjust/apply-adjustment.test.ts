import { deepEqual, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";
import {
  ContainerAdjustmentSchema,
  IOPrioClass,
  LinuxSchedulerFlag,
  LinuxSchedulerPolicy,
  MpolMode,
} from "@crib/wire/nri";

import { type InputChanges, specInput, temporaryDirectory } from "../../spec/testing/spec-input.ts";
import { containerRecord, containerSpec, podRecord } from "../testing/nri-scene.ts";
import { applyAdjustment } from "./apply-adjustment.ts";

function apply(
  adjust: MessageInitShape<typeof ContainerAdjustmentSchema>,
  spec: RuntimeSpec = containerSpec(),
  changes: Pick<InputChanges, "features" | "options"> = {},
): Promise<RuntimeSpec> {
  const { features, options } = specInput(changes);
  const target = { sandbox: podRecord(), container: containerRecord("creating"), features, options };
  return applyAdjustment(spec, create(ContainerAdjustmentSchema, adjust), target);
}

test("an adjustment of nothing changes nothing, and the given specification is never changed", async () => {
  const spec = containerSpec();
  deepEqual(await apply({}, spec), containerSpec());
  await apply({ env: [{ key: "A", value: "2" }], linux: { devices: [{ path: "/dev/x", type: "c" }] } }, spec);
  deepEqual(spec, containerSpec());
});

test("annotations, environment, arguments and limits of the process", async () => {
  const before = containerSpec();
  const spec = await apply(
    {
      annotations: { "-own": "", fresh: "2" },
      env: [{ key: "-A" }, { key: "B", value: "new" }, { key: "C", value: "3" }],
      args: ["sh", "-c", "true"],
      rlimits: [{ type: "RLIMIT_CORE", soft: 1n, hard: 2n }],
      linux: {
        oomScoreAdj: { value: 100n },
        ioPriority: { class: IOPrioClass.IOPRIO_CLASS_BE, priority: 4 },
        scheduler: {
          policy: LinuxSchedulerPolicy.SCHED_DEADLINE,
          flags: [LinuxSchedulerFlag.SCHED_FLAG_RECLAIM],
          runtime: 5n,
          deadline: 6n,
          period: 7n,
        },
      },
    },
    {
      ...before,
      ...(before.process && {
        process: { ...before.process, rlimits: [{ type: "RLIMIT_CORE", soft: 9, hard: 9 }] },
      }),
    },
  );
  deepEqual(spec.annotations, { fresh: "2" });
  deepEqual(spec.process, {
    user: { uid: 7, gid: 8 },
    cwd: "/",
    args: ["sh", "-c", "true"],
    env: ["B=new", "C=3"],
    // In the place of the one of the same type.
    rlimits: [{ type: "RLIMIT_CORE", soft: 1, hard: 2 }],
    oomScoreAdj: 100,
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
    scheduler: { policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RECLAIM"], runtime: 5, deadline: 6, period: 7 },
  });
});

test("hooks come behind those that are there", async () => {
  const hooks = { prestart: [{ path: "/first" }] };
  const adjust = {
    hooks: { prestart: [{ path: "/second", args: ["a"], timeout: { value: 3n } }], poststop: [{ path: "/p" }] },
  };
  deepEqual((await apply(adjust, containerSpec({ hooks }))).hooks, {
    prestart: [{ path: "/first" }, { path: "/second", args: ["a"], timeout: 3 }],
    poststop: [{ path: "/p" }],
  });
});

test("devices with a rule that allows them, namespaces, sysctls, network devices, seccomp, memory policy", async () => {
  const { linux } = await apply({
    linux: {
      devices: [{ path: "/dev/x", type: "c", major: 1n, minor: 3n, fileMode: { value: 0o100_666 }, uid: { value: 5 } }],
      namespaces: [{ type: "-network" }, { type: "ipc", path: "/ns/ipc" }],
      sysctl: { "a.b": "1" },
      netDevices: { eth1: { name: "net1" }, eth2: {} },
      seccompPolicy: { defaultAction: "SCMP_ACT_LOG", defaultErrno: { value: 1 } },
      memoryPolicy: { mode: MpolMode.MPOL_BIND, nodes: "0" },
    },
  });
  deepEqual(linux?.devices, [{ path: "/dev/x", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 5 }]);
  deepEqual(linux?.resources?.devices, [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  ]);
  deepEqual(linux?.namespaces, [{ type: "mount" }, { type: "ipc", path: "/ns/ipc" }]);
  deepEqual(linux?.sysctl, { "a.b": "1" });
  deepEqual(linux?.netDevices, { eth1: { name: "net1" }, eth2: {} });
  deepEqual(linux?.seccomp, { defaultAction: "SCMP_ACT_LOG", defaultErrnoRet: 1, syscalls: [] });
  deepEqual(linux?.memoryPolicy, { mode: "MPOL_BIND", nodes: "0" });
});

test("limits: those that are set, with swap as memory, and no limit of processes", async () => {
  const resources = {
    cpu: { quota: { value: 50_000n }, realtimeRuntime: { value: 7n } },
    memory: { limit: { value: 2_000_000n }, reservation: { value: 1_000n } },
    pids: { limit: -1n },
    devices: [{ allow: true, type: "b", major: { value: 8n }, access: "r" }],
  };
  const { linux } = await apply({ linux: { resources } });
  deepEqual(linux?.resources, {
    cpu: { shares: 2, quota: 50_000, realtimeRuntime: 7 },
    memory: { limit: 2_000_000, swap: 2_000_000, reservation: 1_000 },
    pids: { limit: -1 },
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "b", major: 8, access: "r" },
    ],
  });
});

test("cgroup files where there is no cgroup v2 fail the creation", async () => {
  const adjust = { linux: { resources: { unified: { "memory.high": "1" } } } };
  await rejects(apply(adjust), { code: Code.InvalidArgument });
  const { linux } = await apply(adjust, containerSpec(), { features: { cgroupVersion: 2 } });
  deepEqual(linux?.resources?.unified, { "memory.high": "1" });
});

test("mounts are replaced, removed and put in mounting order", async () => {
  const { mounts } = await apply({
    mounts: [
      { destination: "-/proc" },
      { destination: "/data/deep", type: "tmpfs", source: "tmpfs" },
      { destination: "/data", type: "bind", source: "/d", options: ["rbind", "ro"] },
    ],
  });
  deepEqual(mounts, [
    { destination: "/data", type: "bind", source: "/d", options: ["rbind", "ro"] },
    { destination: "/data/deep", type: "tmpfs", source: "tmpfs" },
  ]);
});

test("classes need a configuration; an empty one takes them away", async (t) => {
  await rejects(apply({ linux: { resources: { blockioClass: { value: "slow" } } } }), {
    code: Code.FailedPrecondition,
  });
  await rejects(apply({ linux: { resources: { rdtClass: { value: "gold" } } } }), { code: Code.FailedPrecondition });
  const blockioConfigFile = join(temporaryDirectory(t), "blockio.yaml");
  writeFileSync(blockioConfigFile, "Classes:\n  slow:\n  - Weight: 50\n");
  const options = { blockioConfigFile, rdtConfigFile: "/nowhere/rdt.yaml" };
  const classed = { blockioClass: { value: "slow" }, rdtClass: { value: "gold" } };
  const { linux } = await apply({ linux: { resources: classed } }, containerSpec(), { options });
  deepEqual([linux?.resources?.blockIO, linux?.intelRdt], [{ weight: 50 }, { closID: "gold" }]);
  const before = containerSpec(linux && { linux });
  const none = await apply({ linux: { resources: { blockioClass: { value: "" }, rdtClass: { value: "" } } } }, before);
  deepEqual([none.linux?.resources?.blockIO, none.linux?.intelRdt], [undefined, undefined]);
});

test("RDT that a plugin sets, adds to, and takes away", async () => {
  const set = await apply({ linux: { rdt: { closId: { value: "a" }, enableMonitoring: { value: true } } } });
  deepEqual(set.linux?.intelRdt, { closID: "a", enableMonitoring: true });
  const added = await apply({ linux: { rdt: { schemata: { value: ["L3:0=f"] } } } }, set);
  deepEqual(added.linux?.intelRdt, { closID: "a", enableMonitoring: true, schemata: ["L3:0=f"] });
  deepEqual((await apply({ linux: { rdt: { remove: true } } }, set)).linux?.intelRdt, undefined);
});

test("CDI devices bring what their specification has; unknown ones fail the creation", async (t) => {
  const dir = join(temporaryDirectory(t), "cdi");
  mkdirSync(dir);
  const device = { name: "one", containerEdits: { env: ["FROM_CDI=1"] } };
  writeFileSync(
    join(dir, "v.json"),
    JSON.stringify({ cdiVersion: "0.6.0", kind: "vendor.com/class", devices: [device] }),
  );
  const options = { cdiSpecDirs: [dir] };
  const spec = await apply({ CDIDevices: [{ name: "vendor.com/class=one" }] }, containerSpec(), { options });
  deepEqual(spec.process?.env, ["A=1", "B=x=y", "FROM_CDI=1"]);
  const two = apply({ CDIDevices: [{ name: "vendor.com/class=two" }] }, containerSpec(), { options });
  await rejects(two, { code: Code.NotFound });
});

test("a mount that propagates raises the root's propagation, and is refused where its source does not", async () => {
  const mount = (source: string, option: string) => ({
    mounts: [{ destination: "/m", type: "bind", source, options: ["rbind", option] }],
  });
  await rejects(apply(mount("/proc/self/nowhere", "rshared")), { code: Code.FailedPrecondition });
});

test("a plugin cannot move a container to another cgroup", async () => {
  await rejects(apply({ linux: { cgroupsPath: "/elsewhere" } }), {
    code: Code.FailedPrecondition,
    message: /cgroupsPath "\/elsewhere"/,
  });
});
