import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import type { ContainerUsage, Stats, UsageDetails } from "@crib/core/stats";
import { Code, StatusError } from "@crib/errdefs";
import { RuntimeService } from "@crib/wire/cri";

import { containerRecord } from "../../testing/container-record.ts";
import { sandboxRecord } from "../../testing/sandbox-record.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

const runtime = RuntimeService.method;
const podSandboxId = "01".repeat(32);
const [good = "", gone = "", broken = "", silent = ""] = ["c1", "c2", "c3", "c4"].map((one) => one.repeat(32));
const timestamp = new Date(1_700_000_000_000);
const at = 1_700_000_000_000_000_000n;
const line = { avg10: 0.5, avg60: 0.25, avg300: 0, totalMicros: 2_000_000n };

const usage: ContainerUsage = {
  timestamp,
  cpu: { usageNanos: 12_345_678_901n, usageNanoCores: 5n },
  memory: { usageBytes: 300n, workingSetBytes: 200n, availableBytes: 100n, rssBytes: 50n, pageFaults: 7n },
  swap: { usageBytes: 9n },
  pids: { current: 2n },
  pressure: { cpu: { some: line }, io: { some: line, full: line } },
  writableLayer: { timestamp, mountpoint: "/var/lib/crib", usedBytes: 4_096n, inodesUsed: 3n },
};

const disk = { major: 8, minor: 0, device: "/dev/sda", readBytes: 1n, writeBytes: 2n, reads: 3n, writes: 4n };
const details: Required<UsageDetails> = {
  cpu: { userNanos: 2n, systemNanos: 3n, periods: 4n, throttledPeriods: 5n, throttledNanos: 6_000_000_000n },
  memory: { cacheBytes: 1n, kernelBytes: 2n, mappedFileBytes: 3n, maxUsageBytes: 4n, limitHits: 5n },
  oomKills: 1n,
  hugepages: [{ pageSize: "2MB", usageBytes: 1n, maxUsageBytes: 2n }],
  blockIo: [disk],
  processes: { count: 1n, fileDescriptors: 2n, sockets: 3n, openFilesLimit: 4n },
  filesystem: { device: "/dev/sda1", limitBytes: 1n, inodes: 2n, inodesFree: 3n },
};

async function serverWithContainers(more: Partial<Stats> = {}): Promise<TestServer> {
  const container: Stats["container"] = async ({ id }) => {
    if (id === gone) {
      server.containers.records.delete(id);
      throw new StatusError(Code.NotFound, "gone");
    }
    if (id === broken) throw new TypeError("broken");
    if (id === silent) throw new StatusError(Code.Unavailable, "no cgroup");
    return usage;
  };
  const pod: Stats["pod"] = async () => ({
    timestamp,
    network: { defaultInterface: "eth0", interfaces: [{ name: "eth0", ...counters }] },
  });
  const server = await startTestServer({ stats: { pod, container, ...more } });
  server.sandboxes.records.set(podSandboxId, sandboxRecord(podSandboxId));
  for (const id of [good, gone, broken, silent]) {
    server.containers.records.set(id, { ...containerRecord(id), state: "running" });
  }
  return server;
}

const counters = {
  rxBytes: 1n,
  rxErrors: 2n,
  rxPackets: 3n,
  rxDropped: 4n,
  txBytes: 5n,
  txErrors: 6n,
  txPackets: 7n,
  txDropped: 8n,
};

test("usage of a container is shown with its times; what is not known is absent, not zero", async () => {
  await using server = await serverWithContainers();
  const { stats } = await server.client.call(runtime.containerStats, { containerId: "c1" });
  equal(stats?.attributes?.id, good);
  equal(stats?.attributes?.metadata?.name, "app");
  equal(stats?.cpu?.timestamp, at);
  equal(stats?.cpu?.usageNanoCores?.value, 5n);
  equal(stats?.cpu?.psi?.Some?.Total, 2_000_000_000n);
  equal(stats?.cpu?.psi?.Full, undefined);
  equal(stats?.memory?.availableBytes?.value, 100n);
  equal(stats?.memory?.majorPageFaults, undefined);
  equal(stats?.memory?.psi, undefined);
  equal(stats?.swap?.swapUsageBytes?.value, 9n);
  equal(stats?.swap?.swapAvailableBytes, undefined);
  equal(stats?.io?.psi?.Full?.Avg10, 0.5);
  equal(stats?.writableLayer?.fsId?.mountpoint, "/var/lib/crib");
  equal(stats?.writableLayer?.inodesUsed?.value, 3n);
  await rejects(server.client.call(runtime.containerStats, { containerId: gone }), { code: Code.NotFound });
});

test("a list leaves out what is gone, keeps what cannot be measured, and says what is broken", async () => {
  await using server = await serverWithContainers();
  const { client } = server;
  const { stats } = await client.call(runtime.listContainerStats, {});
  const shown = [
    [good, true],
    [broken, false],
    [silent, false],
  ];
  deepEqual(
    stats.map(({ attributes, cpu }) => [attributes?.id, cpu !== undefined]),
    shown,
  );
  const streamed = await client.collect(runtime.streamContainerStats, { filter: { podSandboxId: "01" } });
  deepEqual(
    streamed.flatMap(({ containerStats }) => containerStats.map(({ attributes, cpu }) => [attributes?.id, !!cpu])),
    shown,
  );
  deepEqual(
    server.logged.filter(({ level }) => level === "warn").map(({ fields }) => fields["containerId"]),
    [broken, broken],
  );
  equal((await client.call(runtime.listContainerStats, { filter: { id: "d" } })).stats.length, 0);
});

test("usage of a pod has that of its containers", async () => {
  await using server = await serverWithContainers();
  const one = await server.client.call(runtime.podSandboxStats, { podSandboxId });
  const { stats } = await server.client.call(runtime.listPodSandboxStats, {});
  for (const linux of [one.stats?.linux, stats[0]?.linux]) {
    deepEqual(
      linux?.containers.map(({ attributes }) => attributes?.id),
      [good, broken, silent],
    );
  }
});

test("every metric has a descriptor with as many labels, and every descriptor has a metric", async () => {
  const pressure = {
    cpu: { some: line, full: line },
    memory: { some: line, full: line },
    io: { some: line, full: line },
  };
  const memory = { ...usage.memory, usageBytes: 1n, workingSetBytes: 1n, majorPageFaults: 1n };
  await using server = await serverWithContainers({
    container: async () => ({ ...usage, pressure, memory, pids: { current: 1n, limit: 2n } }),
    details: async () => details,
  });
  const made = containerRecord(good);
  const resources = { ...made.plan.resources, cpuQuota: 20_000 };
  server.containers.records.set(good, {
    ...made,
    state: "running",
    facts: { ...made.facts, startedAt: "2026-11-21T01:02:04Z", resources },
  });
  const { descriptors } = await server.client.call(runtime.listMetricDescriptors, {});
  const { podMetrics } = await server.client.call(runtime.listPodSandboxMetrics, {});
  const [pod] = podMetrics;
  const container = pod?.containerMetrics.find(({ containerId }) => containerId === good);
  const metrics = [...(pod?.metrics ?? []), ...(container?.metrics ?? [])];
  for (const { name, labelValues } of metrics) {
    equal(labelValues.length, descriptors.find((one) => one.name === name)?.labelKeys.length, name);
  }
  const names = new Set(metrics.map(({ name }) => name));
  deepEqual(
    descriptors.map(({ name }) => name).filter((name) => !names.has(name)),
    [],
  );
  const cpu = container?.metrics.find(({ name }) => name === "container_cpu_usage_seconds_total");
  deepEqual(cpu?.labelValues, [
    "app",
    `/pods/crib-${podSandboxId}/crib-${good}`,
    "docker.io/library/busybox:latest",
    good,
    "default",
    "web",
  ]);
  equal(cpu?.value?.value, 12n);
  const streamed = await server.client.collect(runtime.streamPodSandboxMetrics, {});
  equal(streamed[0]?.podSandboxMetrics[0]?.containerMetrics.length, 4);
});
