import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";

import type { MessageShape } from "@bufbuild/protobuf";
import { type MetricSchema, MetricType } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/images/free-port.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { type MetricFamily, parsePrometheus } from "../support/prometheus.ts";

const pings = 20;

/** A metric with its labels by name. */
interface Labelled {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: bigint;
}

type Metrics = readonly MessageShape<typeof MetricSchema>[];

/** What ListPodSandboxMetrics says of one pod, labels named as the descriptors have them. Fails on a metric without a descriptor. */
async function readPod(
  { cri: { runtime } }: Node,
  id: string,
): Promise<{ readonly pod: readonly Labelled[]; readonly containers: ReadonlyMap<string, readonly Labelled[]> }> {
  const { descriptors } = await runtime.listMetricDescriptors({});
  const keysOf = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
  equal(keysOf.size, descriptors.length, "a descriptor is there twice");
  const now = BigInt(Date.now()) * 1_000_000n;
  const label = (metrics: Metrics): readonly Labelled[] => {
    const found = metrics.map(({ name, labelValues, value, timestamp, metricType }) => {
      const keys = keysOf.get(name);
      equal(
        labelValues.length,
        keys?.length,
        `${name} has the labels ${labelValues.join()}, its descriptor ${keys?.join()}`,
      );
      ok(now - timestamp < 600_000_000_000n, `${name} is of ${timestamp}`);
      // The one name of cAdvisor that ends so and is no counter.
      const isCounter = name.endsWith("_total") && name !== "container_fs_inodes_total";
      if (isCounter) equal(metricType, MetricType.COUNTER, name);
      const labels = Object.fromEntries((keys ?? []).map((key, index) => [key, labelValues[index] ?? ""]));
      return { name, labels, value: value?.value ?? 0n };
    });
    const known = found.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
    equal(new Set(known).size, known.length, "a metric is there twice with the same labels");
    return found;
  };
  const { podMetrics } = await runtime.listPodSandboxMetrics({});
  const of = podMetrics.find(({ podSandboxId }) => podSandboxId === id);
  ok(of, `pod ${id} has no metrics`);
  const containers = of.containerMetrics.map(({ containerId, metrics }) => [containerId, label(metrics)] as const);
  return { pod: label(of.metrics), containers: new Map(containers) };
}

function valueOf(
  metrics: readonly Labelled[] | undefined,
  name: string,
  more: Readonly<Record<string, string>> = {},
): bigint {
  const found = metrics?.filter(
    (metric) => metric.name === name && Object.entries(more).every(([key, value]) => metric.labels[key] === value),
  );
  equal(found?.length, 1, `${name} is there ${found?.length} times`);
  return found[0]!.value;
}

async function gather<T, Item>(
  stream: AsyncIterable<T>,
  items: (message: T) => readonly Item[],
): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const message of stream) all.push(...items(message));
  return all;
}

async function scrape(port: number): Promise<ReadonlyMap<string, MetricFamily>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return parsePrometheus(await response.text());
}

/** How many runs or states of the given labels there are. */
function count(family: MetricFamily | undefined, name: string, labels: Readonly<Record<string, string>>): number {
  const samples = [...(family?.samples.values() ?? [])].filter((sample) => sample.name === name);
  const matching = samples.filter((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}

test("metrics of pods, their containers and the daemon", needsRoot, async (t) => {
  const port = await freePort();
  const scene = await startContainerNode(t, { config: () => ({ metrics: { address: `127.0.0.1:${port}` } }) });
  const { node } = scene;
  const { runtime } = node.cri;
  const pod = await node.runPod({ name: "measured" });
  const busy = await scene.runContainer(pod, { name: "busy", script: "while :; do :; done" });
  const idle = await scene.runContainer(pod, { name: "idle" });
  const { metadata } = pod.config;

  await t.test("every metric of a pod has a descriptor, and its labels in the descriptor's order", async () => {
    for (const { name, help, labelKeys } of (await runtime.listMetricDescriptors({})).descriptors) {
      ok(help !== "" && labelKeys.length > 0, name);
      equal(new Set(labelKeys).size, labelKeys.length, `${name} has a label twice`);
    }
    const { pod: ofPod, containers } = await readPod(node, pod.id);
    deepEqual([...containers.keys()].toSorted(), [busy.id, idle.id].toSorted());
    const whose = { namespace: metadata?.namespace, pod: metadata?.name };
    for (const { labels } of ofPod) {
      const { container, image, name, namespace, pod: podName } = labels;
      deepEqual(
        { container, image, name, namespace, pod: podName },
        { container: "", image: "", name: pod.id, ...whose },
      );
    }
    for (const [id, metrics] of containers)
      for (const { labels } of metrics) {
        const { container, name, namespace, pod: podName } = labels;
        deepEqual(
          { container, name, namespace, pod: podName },
          { container: id === busy.id ? "busy" : "idle", name: id, ...whose },
        );
        ok(labels["id"]?.includes(pod.id) && labels["image"] !== "", JSON.stringify(labels));
      }
  });

  await t.test("CPU time grows where it is used, memory and processes are there, packets are counted", async () => {
    const first = await readPod(node, pod.id);
    const eth0 = { interface: "eth0" };
    const names = ["receive", "transmit"].flatMap((way) => [`${way}_packets_total`, `${way}_bytes_total`]);
    const network = ({ pod: ofPod }: typeof first): readonly bigint[] =>
      names.map((name) => valueOf(ofPod, `container_network_${name}`, eth0));
    const before = network(first);
    await pod.exec(["ping", "-c", `${pings}`, "-i", "0.01", `${node.lane.prefix}.1`]);
    const cpu = "container_cpu_usage_seconds_total";
    const last = await eventually(30_000, async () => {
      const now = await readPod(node, pod.id);
      const grown = (of: typeof first) => [valueOf(of.containers.get(busy.id), cpu), valueOf(of.pod, cpu)];
      for (const [index, seconds] of grown(now).entries())
        ok(seconds > grown(first)[index]!, `${cpu} is still ${seconds}`);
      return now;
    });
    // A request and an answer of 98 bytes each.
    for (const [index, value] of network(last).entries())
      ok(value - before[index]! >= BigInt(index % 2 === 0 ? pings : pings * 98), `${names[index]} is ${value}`);
    for (const metrics of [last.pod, ...last.containers.values()]) {
      const [usage, workingSet] = ["usage", "working_set"].map((kind) =>
        valueOf(metrics, `container_memory_${kind}_bytes`),
      );
      ok(workingSet! > 0n && usage! >= workingSet!, `${workingSet} of ${usage} bytes`);
      ok(valueOf(metrics, "container_processes") >= 1n);
      const [start, seen] = ["start_time_seconds", "last_seen"].map((name) => valueOf(metrics, `container_${name}`));
      ok(start! > 0n && seen! >= start!, `started ${start}, seen ${seen}`);
    }
    // The pod is looked at before its containers.
    const [ofPod, ofBusy] = [valueOf(last.pod, cpu), valueOf(first.containers.get(busy.id), cpu)];
    ok(ofPod >= ofBusy, `the pod has used ${ofPod} s, its container ${ofBusy} s before`);
    ok(valueOf(last.containers.get(busy.id), "container_file_descriptors") >= 3n);
  });

  await t.test("the streams give what the lists give", async () => {
    const ids = (items: readonly (string | undefined)[]) => items.map(String).toSorted();
    const filter = { podSandboxId: pod.id };
    const both = ids([busy.id, idle.id]);
    const stats = await gather(runtime.streamContainerStats({ filter }), ({ containerStats }) => containerStats);
    deepEqual(ids(stats.map(({ attributes }) => attributes?.id)), both);
    for (const { cpu, memory } of stats)
      ok((cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n && (memory?.workingSetBytes?.value ?? 0n) > 0n);
    const one = await gather(
      runtime.streamContainerStats({ filter: { id: idle.id } }),
      (message) => message.containerStats,
    );
    deepEqual(
      one.map(({ attributes }) => attributes?.id),
      [idle.id],
    );
    const containers = await gather(runtime.streamContainers({ filter }), (message) => message.containers);
    deepEqual(ids(containers.map(({ id }) => id)), both);
    const pods = await gather(runtime.streamPodSandboxes({}), ({ podSandboxes }) => podSandboxes);
    deepEqual(
      pods.map(({ id }) => id),
      [pod.id],
    );
    const podStats = await gather(runtime.streamPodSandboxStats({}), ({ podSandboxStats }) => podSandboxStats);
    deepEqual(
      podStats.map(({ attributes }) => attributes?.id),
      [pod.id],
    );
    deepEqual(ids(podStats[0]?.linux?.containers.map(({ attributes }) => attributes?.id) ?? []), both);
    const metrics = await gather(runtime.streamPodSandboxMetrics({}), ({ podSandboxMetrics }) => podSandboxMetrics);
    const { podMetrics } = await runtime.listPodSandboxMetrics({});
    const shape = (all: typeof podMetrics) =>
      all.map(({ podSandboxId, metrics: ofPod, containerMetrics }) => [
        podSandboxId,
        ofPod.map(({ name, labelValues }) => [name, labelValues]),
        containerMetrics.map((each) => [
          each.containerId,
          each.metrics.map(({ name, labelValues }) => [name, labelValues]),
        ]),
      ]);
    deepEqual(shape([...metrics]), shape(podMetrics));
  });

  const flows = "crib_flow_duration_seconds";
  const steps = "crib_step_duration_seconds";

  await t.test("Prometheus gets the durations of calls and of their steps, and what there is", async () => {
    const families = await scrape(port);
    for (const [flow, times] of Object.entries({ RunPodSandbox: 1, CreateContainer: 2, StartContainer: 2 })) {
      equal(count(families.get(flows), `${flows}_count`, { flow, outcome: "done" }), times, flow);
      ok(count(families.get(flows), `${flows}_sum`, { flow }) > 0, flow);
      ok(count(families.get(steps), `${steps}_count`, { flow, direction: "do", outcome: "done" }) >= times, flow);
    }
    // As verbose status tells them.
    const { timings } = await pod.info();
    for (const { step } of timings.find(({ flow }) => flow === "RunPodSandbox")?.steps ?? [])
      equal(count(families.get(steps), `${steps}_count`, { flow: "RunPodSandbox", step }), 1, step);
    equal(count(families.get("crib_pod_sandboxes"), "crib_pod_sandboxes", { state: "ready" }), 1);
    equal(count(families.get("crib_containers"), "crib_containers", { state: "running" }), 2);
    equal(count(families.get("crib_images"), "crib_images", {}), 1);
    ok(count(families.get("crib_memory_bytes"), "crib_memory_bytes", { kind: "rss" }) > 2 ** 20);
  });

  await t.test("a container that is removed is in them no more, and then its pod", async () => {
    await busy.remove();
    deepEqual([...(await readPod(node, pod.id)).containers.keys()], [idle.id]);
    await pod.remove();
    deepEqual((await runtime.listPodSandboxMetrics({})).podMetrics, []);
    deepEqual(await gather(runtime.streamPodSandboxMetrics({}), ({ podSandboxMetrics }) => podSandboxMetrics), []);
    const families = await scrape(port);
    equal(count(families.get("crib_pod_sandboxes"), "crib_pod_sandboxes", {}), 0);
    equal(count(families.get("crib_containers"), "crib_containers", {}), 0);
    equal(count(families.get(flows), `${flows}_count`, { flow: "RemovePodSandbox", outcome: "done" }), 1);
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });
});
