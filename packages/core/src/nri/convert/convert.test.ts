import { deepEqual, doesNotThrow, equal } from "node:assert/strict";
import { test } from "node:test";

import { toBinary } from "@bufbuild/protobuf";
import {
  ContainerSchema,
  ContainerState,
  PodSandboxSchema,
  SecurityProfile_ProfileType as ProfileType,
} from "@crib/wire/nri";

import { containerRecord, containerSpec, podRecord } from "../testing/nri-scene.ts";
import { fromNriResources, notUpdatable } from "./from-resources.ts";
import { nanoseconds } from "./nanoseconds.ts";
import { containerResources } from "./resources.ts";
import { toNriContainer } from "./to-container.ts";
import { toNriPod } from "./to-pod.ts";

test("times keep their nanoseconds", () => {
  equal(nanoseconds("2026-11-21T07:00:00.123456789Z"), 1_795_244_400_123_456_789n);
  equal(nanoseconds("2026-11-21T09:00:00.5+02:00"), 1_795_244_400_500_000_000n);
  equal(nanoseconds("2026-11-21T07:00:00Z"), 1_795_244_400_000_000_000n);
  deepEqual([nanoseconds(undefined), nanoseconds("yesterday")], [0n, 0n]);
});

test("a pod is told with its addresses and its process, one in the host's network without", () => {
  const record = podRecord();
  const pod = toNriPod({
    ...record,
    facts: {
      network: { addresses: ["10.0.0.2", "fd00::2"], results: [] },
      instance: {
        process: { pid: 42, startTime: 1 },
        createdAt: "",
        labels: {},
        namespaces: { net: "/nowhere/net", ipc: "/nowhere/ipc" },
      },
    },
  });
  deepEqual([pod.id, pod.name, pod.pid, pod.ips], [record.id, record.plan.pod.name, 42, ["10.0.0.2", "fd00::2"]]);
  // The network namespace is not there, so plugins are not sent to it.
  deepEqual(
    pod.linux?.namespaces.map(({ type, path }) => `${type} ${path}`),
    ["ipc /nowhere/ipc"],
  );
  doesNotThrow(() => toBinary(PodSandboxSchema, pod));
  const inHost = toNriPod({ ...record, plan: { ...record.plan, hostNetwork: true } });
  deepEqual(inHost.ips, []);
});

test("a container is told with what its specification has", () => {
  const container = toNriContainer(
    containerRecord("running", { facts: { process: { pid: 9, startTime: 1 } } }),
    containerSpec(),
  );
  deepEqual(
    [container.name, container.state, container.pid, container.args, container.env],
    ["nginx", ContainerState.CONTAINER_RUNNING, 9, ["sleep", "1"], ["A=1", "B=x=y"]],
  );
  deepEqual(
    container.mounts.map(({ destination }) => destination),
    ["/proc", "/data/deep"],
  );
  equal(container.annotations["own"], "1");
  equal(container.createdAt, 1_795_244_400_123_456_789n);
  const { linux, user } = container;
  deepEqual([user?.uid, user?.gid], [7, 8]);
  deepEqual([linux?.resources?.cpu?.shares?.value, linux?.resources?.memory?.limit?.value], [2n, 1_000_000n]);
  deepEqual([linux?.oomScoreAdj?.value, linux?.cgroupsPath], [-5n, "/pod/crib-c"]);
  equal(linux?.seccompPolicy?.syscalls[0]?.names[0], "read");
  equal(linux?.seccompProfile?.profileType, ProfileType.UNCONFINED);
  doesNotThrow(() => toBinary(ContainerSchema, container));
});

test("a container whose bundle is gone is told by its record", () => {
  const record = containerRecord("exited", {
    facts: {
      process: { pid: 9, startTime: 1 },
      exit: { exitCode: 3, exitedAt: "2026-11-21T07:00:01Z", reason: "Error", message: "" },
    },
  });
  const container = toNriContainer(record, undefined);
  deepEqual(
    [container.state, container.exitCode, container.pid, container.finishedAt, container.statusReason],
    [ContainerState.CONTAINER_STOPPED, 3, 0, 1_795_244_401_000_000_000n, "Error"],
  );
  deepEqual(container.args, []);
});

test("numbers that floats cannot hold do not break the message", () => {
  const spec = containerSpec();
  const rlimits = [{ type: "RLIMIT_NOFILE", soft: 2 ** 64, hard: 2 ** 64 }];
  const large = toNriContainer(containerRecord(), {
    ...spec,
    ...(spec.process && { process: { ...spec.process, rlimits } }),
    linux: { namespaces: [], resources: { memory: { limit: 2 ** 63 }, cpu: { shares: 2 ** 64 } } },
  });
  equal(large.rlimits[0]?.hard, 2n ** 64n - 1n);
  equal(large.linux?.resources?.memory?.limit?.value, 2n ** 63n - 1n);
  doesNotThrow(() => toBinary(ContainerSchema, large));
});

test("limits go to plugins and back unchanged", () => {
  const resources = {
    cpuShares: 2,
    cpuPeriod: 100_000,
    cpuQuota: -1,
    cpusetCpus: "0-1",
    cpusetMems: "0",
    memoryLimitBytes: Number.MAX_SAFE_INTEGER,
    memorySwapLimitBytes: 5,
    hugepageLimits: [{ pageSize: "2MB", limit: 4 }],
    unified: { "memory.high": "1" },
  };
  deepEqual(fromNriResources(containerResources(resources)), resources);
  deepEqual(notUpdatable(containerResources(resources)), []);
});
