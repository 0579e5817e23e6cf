import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { create, fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";
import { cgroupLayout, cgroupLimits } from "@crib/linux";
import { cgroupsV1, cgroupsV2 } from "@crib/wire/cgroups";
import { ProcessDetailsSchema } from "@crib/wire/options";
import {
  PauseRequestSchema,
  PidsRequestSchema,
  ResumeRequestSchema,
  StatsRequestSchema,
  Status,
  UpdateTaskRequestSchema,
} from "@crib/wire/task";

import { needsRunc } from "../testing/needs-runc.ts";
import { RuncFixture } from "../testing/runc-fixture.ts";
import { until } from "../testing/until.ts";

const mebibyte = 1024 * 1024;

async function update(runc: RuncFixture, id: string, resources: unknown): Promise<void> {
  const value = Buffer.from(JSON.stringify(resources));
  const any = create(AnySchema, { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", value });
  await runc.tasks.update(create(UpdateTaskRequestSchema, { id, resources: any }), runc.call);
}

test("stats are those of the container's cgroup, in the machine's version", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const resources = { memory: { limit: 64 * mebibyte }, pids: { limit: 50 } };
  await runc.run("a", { args: ["sh", "-c", "while :; do :; done"], linux: { resources } });
  const read = async (): Promise<{ cpu: bigint; memory: bigint; limit: bigint; pids: bigint }> => {
    const { stats } = await runc.tasks.stats(create(StatsRequestSchema, { id: "a" }), runc.call);
    const value = stats?.value ?? new Uint8Array();
    if (cgroupLayout().version === 2) {
      equal(stats?.typeUrl, "io.containerd.cgroups.v2.Metrics");
      const { cpu, memory, pids } = fromBinary(cgroupsV2.MetricsSchema, value);
      return {
        cpu: cpu?.usageUsec ?? 0n,
        memory: memory?.usage ?? 0n,
        limit: memory?.usageLimit ?? 0n,
        pids: pids?.limit ?? 0n,
      };
    }
    equal(stats?.typeUrl, "io.containerd.cgroups.v1.Metrics");
    const { cpu, memory, pids } = fromBinary(cgroupsV1.MetricsSchema, value);
    ok(memory?.totalInactiveFile !== undefined && memory.totalPgFault > 0n && cpu?.usage?.perCpu.length);
    return {
      cpu: cpu.usage.total,
      memory: memory.usage?.usage ?? 0n,
      limit: memory.usage?.limit ?? 0n,
      pids: pids?.limit ?? 0n,
    };
  };
  const first = await read();
  deepEqual([first.limit, first.pids], [BigInt(64 * mebibyte), 50n]);
  ok(first.memory > 0n && first.memory < first.limit);
  await until("its processor time grows", async () => (await read()).cpu > first.cpu);
  await runc.kill("a", 9);
  await runc.wait("a");
  await runc.delete("a");
  await rejects(read(), { code: Code.NotFound });
});

test("a process that the kernel kills for memory is told of", needsRunc, async (t) => {
  const events: string[] = [];
  const runc = RuncFixture.open(t, { onEvent: ({ kind, id }) => events.push(`${kind} ${id}`) });
  const resources = { memory: { limit: 16 * mebibyte, swap: 16 * mebibyte } };
  const script = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";
  await runc.run("a", { args: ["sh", "-c", script], linux: { resources } });
  equal(await runc.wait("a"), 137);
  await runc.delete("a");
  await until("both are told of", () => events.length === 2);
  deepEqual(events, ["oom a", "exit a"]);
});

test("an update changes limits, and one that cannot be says why", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a", { linux: { resources: { memory: { limit: 64 * mebibyte } } } });
  await update(runc, "a", { memory: { limit: 96 * mebibyte }, cpu: { shares: 512 } });
  equal((await cgroupLimits(`${runc.cgroup}/a`)).memoryBytes, BigInt(96 * mebibyte));
  await rejects(update(runc, "a", "nonsense"), { message: /^OCI runtime update failed: / });
  const request = create(UpdateTaskRequestSchema, { id: "a" });
  await rejects(runc.tasks.update(request, runc.call), { code: Code.InvalidArgument });
});

test("pids are all processes, with the names of execs", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const pid = await runc.run("a", { args: ["sh", "-c", "sleep 1000 & wait"] });
  await runc.exec("a", "e", ["sleep", "1000"]);
  const execPid = await runc.start("a", "e");
  const list = async (): Promise<readonly { pid: number; execId: string }[]> => {
    const { processes = [] } = await runc.tasks.pids(create(PidsRequestSchema, { id: "a" }), runc.call);
    return processes.map((found) => ({
      pid: found.pid ?? 0,
      execId: found.info?.value === undefined ? "" : fromBinary(ProcessDetailsSchema, found.info.value).execId,
    }));
  };
  await until("there are three", async () => (await list()).length === 3);
  const found = await list();
  ok(found.some((each) => each.pid === pid && each.execId === ""));
  ok(found.some((each) => each.pid === execPid && each.execId === "e"));
  await runc.kill("a", 9);
  await runc.wait("a");
  deepEqual(await list(), []);
});

test("a paused container stands still, and is killed all the same", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const pause = (): Promise<unknown> => runc.tasks.pause(create(PauseRequestSchema, { id: "a" }), runc.call);
  const resume = (): Promise<unknown> => runc.tasks.resume(create(ResumeRequestSchema, { id: "a" }), runc.call);
  await runc.create("a");
  await rejects(pause(), { code: Code.FailedPrecondition });
  await runc.start("a");
  await rejects(resume(), { code: Code.FailedPrecondition });
  await pause();
  equal((await runc.state("a")).status, Status.PAUSED);
  await runc.exec("a", "e", ["true"]);
  await rejects(runc.start("a", "e"), { code: Code.FailedPrecondition });
  await resume();
  equal((await runc.state("a")).status, Status.RUNNING);
  await runc.start("a", "e");
  equal(await runc.wait("a", "e"), 0);
  await pause();
  await rejects(runc.delete("a"), { code: Code.FailedPrecondition });
  await runc.kill("a", 9);
  equal(await runc.wait("a"), 137);
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});
