import { equal, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { temporaryCgroup } from "../testing/cgroup.ts";
import { needsRoot } from "../testing/host.ts";
import { startSleeper } from "../testing/sleeper.ts";
import { until } from "../testing/until.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { addToCgroup } from "./cgroup-processes.ts";
import { applyCgroupResources, cpuWeight } from "./cgroup-resources.ts";
import { cgroupStats } from "./cgroup-stats.ts";
import { createCgroup } from "./create-cgroup.ts";
import { parseFlatKeyed } from "./parse-flat-keyed.ts";

const mebibyte = 1 << 20;

/** Reads a file of a cgroup in a controller's tree, named by version; undefined where the controller is missing. */
function read(path: string, controller: string, version1: string, version2: string): string | undefined {
  const tree = findHierarchy(controller);
  if (tree === undefined) return undefined;
  const file = `${cgroupDirectory(tree, path)}/${tree.unified ? version2 : version1}`;
  return existsSync(file) ? readFileSync(file, "latin1").trim() : undefined;
}

function needs(t: TestContext, ...controllers: readonly string[]): boolean {
  const missing = controllers.filter((controller) => findHierarchy(controller) === undefined);
  if (missing.length > 0) t.skip(`needs the cgroup controllers ${missing.join(", ")}`);
  return missing.length === 0;
}

test("shares of version 1 become weights of version 2 that keep the usual share usual", () => {
  equal(cpuWeight(2), 1);
  equal(cpuWeight(1024), 100);
  equal(cpuWeight(262_144), 10_000);
  ok(cpuWeight(512) < 100 && cpuWeight(2048) > 100);
});

test("limits of processor time are set in either order", needsRoot, async (t) => {
  if (!needs(t, "cpu")) return;
  const path = temporaryCgroup(t);
  await createCgroup(path);
  for (const [cpuQuota, cpuPeriod] of [
    [20_000, 50_000],
    [2_000, 2_000],
    [900_000, 1_000_000],
    [20_000, 50_000],
  ] as const) {
    await applyCgroupResources(path, { cpuShares: 512, cpuQuota, cpuPeriod });
  }
  const shares = read(path, "cpu", "cpu.shares", "cpu.weight");
  equal(shares, findHierarchy("cpu")?.unified === true ? String(cpuWeight(512)) : "512");
  equal(read(path, "cpu", "cpu.cfs_quota_us", "cpu.max")?.split(" ")[0], "20000");
  await applyCgroupResources(path, { cpuQuota: -1 });
  ok(["-1", "max"].includes(read(path, "cpu", "cpu.cfs_quota_us", "cpu.max")?.split(" ")[0] ?? ""));
});

test("memory and swap limits are raised and lowered together", needsRoot, async (t) => {
  if (!needs(t, "memory")) return;
  const path = temporaryCgroup(t);
  await createCgroup(path);
  for (const [memory, swap] of [
    [64, 64],
    [128, 256],
    [32, 32],
    [64, 128],
  ] as const) {
    await applyCgroupResources(path, { memoryLimit: memory * mebibyte, swapLimit: swap * mebibyte });
    equal(read(path, "memory", "memory.limit_in_bytes", "memory.max"), String(memory * mebibyte));
  }
  await applyCgroupResources(path, { memoryLimit: -1, swapLimit: -1 });
  equal((await cgroupStats(path)).memory?.availableBytes, undefined);
});

test("a cpuset is inherited and may be narrowed", needsRoot, async (t) => {
  if (!needs(t, "cpuset")) return;
  const path = temporaryCgroup(t);
  await createCgroup(path);
  if (findHierarchy("cpuset")?.unified === false) ok(read(path, "cpuset", "cpuset.cpus", "") !== "");
  await applyCgroupResources(path, { cpusetCpus: "0", cpusetMems: "0" });
  equal(read(path, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
});

test(
  "a limit without a controller, a missing cgroup and a bad name are errors; nothing asked is nothing done",
  needsRoot,
  async (t) => {
    const path = temporaryCgroup(t);
    await applyCgroupResources(path, {});
    await applyCgroupResources(path, { cpuShares: 0, memoryLimit: 0, cpusetCpus: "" });
    await createCgroup(path);
    await rejects(applyCgroupResources(path, { unified: { "../memory.max": "1" } }), { code: Code.InvalidArgument });
    await rejects(applyCgroupResources(path, { hugepages: { "../x": 1 } }), { code: Code.InvalidArgument });
    if (findHierarchy("hugetlb") === undefined) {
      await rejects(applyCgroupResources(path, { hugepages: { "2MB": 1 } }), { code: Code.FailedPrecondition });
    }
    if (needs(t, "cpu")) await rejects(applyCgroupResources(`${path}/none`, { cpuShares: 2 }), { code: Code.NotFound });
  },
);

test("counters tell of what a process used", needsRoot, async (t) => {
  if (!needs(t, "memory", "pids")) return;
  const path = temporaryCgroup(t);
  await createCgroup(path);
  await applyCgroupResources(path, { memoryLimit: 64 * mebibyte });
  const { pid } = await startSleeper(t, { command: "while :; do head -c 100000 /dev/zero > /dev/null; done" });
  await addToCgroup(path, pid);
  const first = await cgroupStats(path);
  let stats = first;
  await until("it is counted", async () => {
    stats = await cgroupStats(path);
    return (stats.cpuUsageNanos ?? 0n) > (first.cpuUsageNanos ?? 0n) && (stats.memory?.pageFaults ?? 0n) > 0n;
  });
  ok(stats.timestampNanos >= first.timestampNanos);
  ok((stats.pids ?? 0n) >= 1n);
  ok(stats.memory !== undefined && stats.memory.availableBytes !== undefined);
  equal(stats.memory.availableBytes + stats.memory.workingSetBytes, BigInt(64 * mebibyte));
  ok(stats.memory.workingSetBytes <= stats.memory.usageBytes);
  equal((await cgroupStats(`${path}/none`)).memory, undefined);
});

test("lines of counters are read, and what is no counter is passed over", () => {
  const values = parseFlatKeyed("anon 4096\ntotal_rss 18446744073709551615\ntorn\nlow -1\n\n");
  equal(values.get("anon"), 4096n);
  equal(values.get("total_rss"), 18_446_744_073_709_551_615n);
  equal(values.size, 2);
});
