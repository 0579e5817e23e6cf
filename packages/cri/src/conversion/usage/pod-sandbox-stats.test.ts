import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import type { PodUsage, Stats } from "@crib/core/stats";
import { Code, StatusError } from "@crib/errdefs";
import { PodSandboxStatsSchema, RuntimeService } from "@crib/wire/cri";

import { metricDescriptors } from "../../metrics/descriptors.ts";
import { sandboxRecord } from "../../testing/sandbox-record.ts";
import { startTestServer } from "../../testing/test-server.ts";
import { toPodSandboxStats } from "./pod-sandbox-stats.ts";

const runtime = RuntimeService.method;
const counters = { rxErrors: 0n, txErrors: 1n };
const usage: PodUsage = {
  timestamp: new Date(1_700_000_000_000),
  cpu: { usageNanos: 12_345_678_901n },
  memory: { usageBytes: 300n, workingSetBytes: 200n, rssBytes: 100n, pageFaults: 7n, majorPageFaults: 1n },
  processCount: 2n,
  network: {
    defaultInterface: "eth0",
    interfaces: [
      { name: "net1", rxBytes: 1n, txBytes: 2n, ...counters },
      { name: "eth0", rxBytes: 3n, txBytes: 2n ** 63n, ...counters },
    ],
  },
};

function withPods(pod: Stats["pod"]): Stats {
  return { pod, container: async () => ({ timestamp: usage.timestamp }) };
}

test("usage is shown with its time, unknown values are absent, not zero", () => {
  const { linux } = create(PodSandboxStatsSchema, toPodSandboxStats(sandboxRecord("aa"), usage, []));
  equal(linux?.cpu?.timestamp, 1_700_000_000_000_000_000n);
  equal(linux?.cpu?.usageCoreNanoSeconds?.value, 12_345_678_901n);
  equal(linux?.cpu?.usageNanoCores, undefined);
  equal(linux?.memory?.availableBytes, undefined);
  equal(linux?.network?.defaultInterface?.name, "eth0");
  equal(linux?.network?.defaultInterface?.txBytes?.value, 2n ** 63n);
  deepEqual(
    linux?.network?.interfaces.map(({ name }) => name),
    ["net1"],
  );
  equal(linux?.process?.processCount?.value, 2n);
  const nothing = create(PodSandboxStatsSchema, toPodSandboxStats(sandboxRecord("aa"), { timestamp: new Date() }, []));
  equal(nothing.linux?.network, undefined);
});

test("lists leave out pods that are not ready and pods that go away, a single call says why", async () => {
  const ids = ["aa", "ab", "ac", "ad"].map((prefix) => prefix.repeat(32));
  const [good = "", gone = "", broken = "", stopped = ""] = ids;
  await using server = await startTestServer({
    stats: withPods(async ({ id }) => {
      if (id === gone) throw new StatusError(Code.NotFound, "gone");
      if (id === broken) throw new TypeError("broken");
      return usage;
    }),
  });
  for (const id of ids) server.sandboxes.records.set(id, sandboxRecord(id));
  server.sandboxes.set({ ...sandboxRecord(stopped), state: "notready" });
  const { client } = server;
  const listed = await client.call(runtime.listPodSandboxStats, {});
  deepEqual(
    listed.stats.map(({ attributes }) => attributes?.id),
    [good],
  );
  const streamed = await client.collect(runtime.streamPodSandboxStats, { filter: { id: "a" } });
  deepEqual(
    streamed.flatMap(({ podSandboxStats }) => podSandboxStats.map(({ attributes }) => attributes?.id)),
    [good],
  );
  deepEqual(
    server.logged.filter(({ level }) => level === "warn").map(({ fields }) => fields["sandboxId"]),
    [broken, broken],
  );
  equal((await client.call(runtime.podSandboxStats, { podSandboxId: good })).stats?.attributes?.id, good);
  const error = await client
    .call(runtime.podSandboxStats, { podSandboxId: stopped })
    .catch((reason: unknown) => reason);
  equal((error as StatusError).code, Code.Unavailable);
});

test("every metric of a pod has a descriptor, and as many label values as that has keys", async () => {
  await using server = await startTestServer({ stats: withPods(async () => usage) });
  server.sandboxes.set(sandboxRecord("aa".repeat(32)));
  const { descriptors } = await server.client.call(runtime.listMetricDescriptors, {});
  equal(descriptors.length, metricDescriptors.length);
  const { podMetrics } = await server.client.call(runtime.listPodSandboxMetrics, {});
  const metrics = podMetrics[0]?.metrics ?? [];
  equal(metrics.length, 9 + 8);
  for (const { name, labelValues } of metrics) {
    equal(labelValues.length, descriptors.find((descriptor) => descriptor.name === name)?.labelKeys.length, name);
  }
  const cpu = metrics.find(({ name }) => name === "container_cpu_usage_seconds_total");
  equal(cpu?.value?.value, 12n);
  const streamed = await server.client.collect(runtime.streamPodSandboxMetrics, {});
  equal(streamed[0]?.podSandboxMetrics[0]?.metrics.length, metrics.length);
});
