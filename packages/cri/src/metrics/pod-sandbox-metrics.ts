import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SandboxRecord } from "@crib/core/sandbox";
import { type MetricSchema, MetricType, type PodSandboxMetricsSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";
import type { PodUsage } from "../types.ts";

type Metric = MessageInitShape<typeof MetricSchema>;
type Sample = readonly [name: string, type: MetricType, value: bigint | undefined, ...labels: string[]];

const nanosPerSecond = 1_000_000_000n;
const { COUNTER, GAUGE } = MetricType;

/** The metrics of a pod as a whole: those whose value is known, each with the labels of its descriptor. */
export function toPodSandboxMetrics(
  { id, createdAt, plan }: SandboxRecord,
  usage: PodUsage,
): MessageInitShape<typeof PodSandboxMetricsSchema> {
  const timestamp = toNanoseconds(usage.timestamp);
  const base = ["", plan.cgroupPath, "", id, plan.pod.namespace, plan.pod.name];
  const start: Sample = ["container_start_time_seconds", GAUGE, toNanoseconds(createdAt) / nanosPerSecond];
  const metrics = [start, ...podSamples(usage), ...networkSamples(usage)].flatMap(
    ([name, metricType, value, ...labels]): Metric[] =>
      value === undefined ? [] : [{ name, timestamp, metricType, labelValues: [...base, ...labels], value: { value } }],
  );
  return { podSandboxId: id, metrics, containerMetrics: [] };
}

/** About how many bytes the metrics of a pod take in a list. */
export function metricsWeight({ network }: PodUsage): number {
  return 512 * (10 + 4 * (network?.interfaces.length ?? 0));
}

function podSamples({ timestamp, cpu, memory, processCount }: PodUsage): Sample[] {
  return [
    ["container_last_seen", GAUGE, toNanoseconds(timestamp) / nanosPerSecond],
    ["container_cpu_usage_seconds_total", COUNTER, cpu && cpu.usageNanos / nanosPerSecond],
    ["container_memory_usage_bytes", GAUGE, memory?.usageBytes],
    ["container_memory_working_set_bytes", GAUGE, memory?.workingSetBytes],
    ["container_memory_rss", GAUGE, memory?.rssBytes],
    ["container_memory_failures_total", COUNTER, memory?.pageFaults, "pgfault", "container"],
    ["container_memory_failures_total", COUNTER, memory?.majorPageFaults, "pgmajfault", "container"],
    ["container_processes", GAUGE, processCount],
  ];
}

function networkSamples({ network }: PodUsage): Sample[] {
  return (network?.interfaces ?? []).flatMap((usage): Sample[] => [
    ["container_network_receive_bytes_total", COUNTER, usage.rxBytes, usage.name],
    ["container_network_receive_errors_total", COUNTER, usage.rxErrors, usage.name],
    ["container_network_transmit_bytes_total", COUNTER, usage.txBytes, usage.name],
    ["container_network_transmit_errors_total", COUNTER, usage.txErrors, usage.name],
  ]);
}
