import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PodUsage } from "@crib/core/stats";
import type { PodSandboxMetricsSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";
import type { MeasuredPod } from "../lookup/list-usage.ts";
import { toContainerMetrics } from "./container-metrics.ts";
import { counter, gauge, nanosPerSecond, type Sample, toMetrics } from "./sample.ts";

/** The metrics of a pod as a whole and of its containers: those whose value is known, each with the labels of its descriptor. */
export function toPodSandboxMetrics({
  record,
  usage,
  containers,
}: MeasuredPod): MessageInitShape<typeof PodSandboxMetricsSchema> {
  const { id, createdAt, plan } = record;
  const labels = ["", plan.cgroupPath, "", id, plan.pod.namespace, plan.pod.name];
  const start = gauge("container_start_time_seconds", toNanoseconds(createdAt) / nanosPerSecond);
  return {
    podSandboxId: id,
    metrics: toMetrics(usage.timestamp, labels, [start, ...podSamples(usage), ...networkSamples(usage)]),
    containerMetrics: containers.map((one) => toContainerMetrics(one, plan.pod)),
  };
}

/** About how many bytes the metrics of a pod and its containers take in a list. */
export function metricsWeight({ usage: { network }, containers }: MeasuredPod): number {
  return 512 * (10 + 4 * (network?.interfaces.length ?? 0) + 20 * containers.length);
}

function podSamples({ timestamp, cpu, memory, processCount }: PodUsage): Sample[] {
  return [
    gauge("container_last_seen", toNanoseconds(timestamp) / nanosPerSecond),
    counter("container_cpu_usage_seconds_total", cpu && cpu.usageNanos / nanosPerSecond),
    gauge("container_memory_usage_bytes", memory?.usageBytes),
    gauge("container_memory_working_set_bytes", memory?.workingSetBytes),
    gauge("container_memory_rss", memory?.rssBytes),
    counter("container_memory_failures_total", memory?.pageFaults, "pgfault", "container"),
    counter("container_memory_failures_total", memory?.majorPageFaults, "pgmajfault", "container"),
    gauge("container_processes", processCount),
  ];
}

function networkSamples({ network }: PodUsage): Sample[] {
  return (network?.interfaces ?? []).flatMap((usage): Sample[] => [
    counter("container_network_receive_bytes_total", usage.rxBytes, usage.name),
    counter("container_network_receive_errors_total", usage.rxErrors, usage.name),
    counter("container_network_receive_packets_dropped_total", usage.rxDropped, usage.name),
    counter("container_network_receive_packets_total", usage.rxPackets, usage.name),
    counter("container_network_transmit_bytes_total", usage.txBytes, usage.name),
    counter("container_network_transmit_errors_total", usage.txErrors, usage.name),
    counter("container_network_transmit_packets_dropped_total", usage.txDropped, usage.name),
    counter("container_network_transmit_packets_total", usage.txPackets, usage.name),
  ]);
}
