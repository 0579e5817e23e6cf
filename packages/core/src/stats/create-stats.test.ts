import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { SandboxMetrics } from "@crib/sandboxer";
import { cgroupsV2 } from "@crib/wire/cgroups";
import type { StatsResponse } from "@crib/wire/task";

import type { ContainerRecord } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import type { TaskService } from "../tasks/types.ts";
import { createStats } from "./create-stats.ts";
import type { Stats } from "./types.ts";

const never = new AbortController().signal;

/** Statistics of a host without the container's cgroup, and a task service that answers as `stats` does. */
function statsWith(stats: () => Promise<Pick<StatsResponse, "stats">>): Stats {
  const service = { tasks: { stats } } as unknown as TaskService;
  return createStats({
    cgroupDriver: "cgroupfs",
    snapshots: { usage: () => new Promise(() => {}) },
    rootDir: "/",
    log: { debug: () => {} },
    taskServices: { of: async () => service },
  });
}

function record(facts: Partial<ContainerRecord["facts"]> = {}): ContainerRecord {
  const plan = { sandboxId: "pod", snapshotKey: "a", cgroupPath: `/crib-test-none-${process.pid}/crib-a` };
  return { id: "a", state: "running", plan, facts } as unknown as ContainerRecord;
}

const measured = async (): Promise<Pick<StatsResponse, "stats">> => {
  const metrics = create(cgroupsV2.MetricsSchema, {
    cpu: { usageUsec: 5n, userUsec: 3n },
    memory: { usage: 100n, inactiveFile: 40n },
    pids: { current: 2n, limit: 10n },
  });
  const value = toBinary(cgroupsV2.MetricsSchema, metrics);
  return { stats: create(AnySchema, { typeUrl: cgroupsV2.MetricsSchema.typeName, value }) };
};

test("usage of a container in a machine is that which its task service tells", async () => {
  const usage = await statsWith(measured).container(record(), never);
  equal(usage.cpu?.usageNanos, 5_000n);
  equal(usage.memory?.workingSetBytes, 60n);
  equal(usage.pids?.limit, 10n);
  const details = await statsWith(measured).details?.(record(), never);
  equal(details?.cpu?.userNanos, 3_000n);
  equal(details?.processes, undefined);
});

test("one with a process of this host is not asked for", async () => {
  const asked = async (): Promise<never> => {
    throw new Error("asked");
  };
  const usage = await statsWith(asked).container(record({ process: { pid: 1, startTime: 1 } }), never);
  equal(usage.cpu, undefined);
});

test("what a controller measures of a pod goes before what the host does", async () => {
  const cgroupPath = `/crib-test-none-${process.pid}/crib-pod`;
  const pod = { id: "pod", state: "ready", plan: { cgroupPath, namespaces: {} } } as unknown as SandboxRecord;
  const statsOf = (podMetrics: () => Promise<SandboxMetrics | undefined>): Stats =>
    createStats({
      cgroupDriver: "cgroupfs",
      snapshots: { usage: () => new Promise(() => {}) },
      rootDir: "/",
      log: { debug: () => {} },
      podMetrics,
    });
  const timestamp = new Date(5_000);
  const told = { timestamp, cpuUsageNanos: 7n, memoryUsageBytes: 9n, memoryWorkingSetBytes: 8n, pids: 3n };
  const usage = await statsOf(async () => told).pod(pod, never);
  equal(usage.timestamp.getTime(), 5_000);
  equal(usage.cpu?.usageNanos, 7n);
  equal(usage.memory?.workingSetBytes, 8n);
  equal(usage.processCount, 3n);
  equal((await statsOf(async () => undefined).pod(pod, never)).cpu, undefined);
});

test("a service that does not tell costs its figures alone; one that knows no such task is NotFound", async () => {
  const fails = (code: Code) => async (): Promise<never> => {
    throw new StatusError(code, "no");
  };
  equal((await statsWith(fails(Code.Unimplemented)).container(record(), never)).cpu, undefined);
  equal((await statsWith(async () => ({})).container(record(), never)).memory, undefined);
  await rejects(statsWith(fails(Code.NotFound)).container(record(), never), { code: Code.NotFound });
});
