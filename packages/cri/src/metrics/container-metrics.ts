import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import type { PodIdentity } from "@crib/core/sandbox";
import type { ContainerUsage, Pressure } from "@crib/core/stats";
import type { ContainerMetricsSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";
import type { MeasuredContainer } from "../lookup/list-usage.ts";
import { detailSamples } from "./detail-samples.ts";
import { counter, gauge, nanosPerSecond, type Sample, toMetrics } from "./sample.ts";

/** The metrics of a container: those whose value is known, each with the labels of its descriptor. */
export function toContainerMetrics(
  { record, usage, details }: MeasuredContainer,
  pod: PodIdentity,
): MessageInitShape<typeof ContainerMetricsSchema> {
  const { id, plan, facts } = record;
  const image = facts.image?.reference || plan.image;
  const labels = [plan.name, plan.cgroupPath, image, id, pod.namespace, pod.name];
  const samples = [
    ...specSamples(record),
    ...(usage ? usageSamples(usage) : []),
    ...(details ? detailSamples(details) : []),
  ];
  return { containerId: id, metrics: toMetrics(usage?.timestamp ?? new Date(), labels, samples) };
}

function specSamples({ plan, facts }: ContainerRecord): Sample[] {
  const resources = facts.resources ?? plan.resources;
  const limit = (value: number | undefined): bigint => BigInt(Math.max(value ?? 0, 0));
  const quota = limit(resources.cpuQuota);
  return [
    gauge(
      "container_start_time_seconds",
      facts.startedAt === undefined ? undefined : toNanoseconds(facts.startedAt) / nanosPerSecond,
    ),
    gauge("container_spec_cpu_period", limit(resources.cpuPeriod)),
    gauge("container_spec_cpu_quota", quota > 0n ? quota : undefined),
    gauge("container_spec_cpu_shares", limit(resources.cpuShares)),
    gauge("container_spec_memory_limit_bytes", limit(resources.memoryLimitBytes)),
    gauge("container_spec_memory_swap_limit_bytes", limit(resources.memorySwapLimitBytes)),
  ];
}

function usageSamples({ timestamp, cpu, memory, swap, pids, pressure, writableLayer }: ContainerUsage): Sample[] {
  return [
    gauge("container_last_seen", toNanoseconds(timestamp) / nanosPerSecond),
    counter("container_cpu_usage_seconds_total", cpu && cpu.usageNanos / nanosPerSecond),
    gauge("container_memory_usage_bytes", memory?.usageBytes),
    gauge("container_memory_working_set_bytes", memory?.workingSetBytes),
    gauge("container_memory_rss", memory?.rssBytes),
    gauge("container_memory_swap", swap?.usageBytes),
    counter("container_memory_failures_total", memory?.pageFaults, "pgfault", "container"),
    counter("container_memory_failures_total", memory?.majorPageFaults, "pgmajfault", "container"),
    gauge("container_threads", pids?.current),
    gauge("container_threads_max", pids && (pids.limit ?? 0n)),
    gauge("container_fs_usage_bytes", writableLayer?.usedBytes, writableLayer?.mountpoint ?? ""),
    ...pressureSamples("cpu", pressure?.cpu),
    ...pressureSamples("memory", pressure?.memory),
    ...pressureSamples("io", pressure?.io),
  ];
}

/** Waiting is that of some processes, stalled that of all. */
function pressureSamples(resource: string, pressure: Pressure | undefined): Sample[] {
  const seconds = (micros: bigint | undefined): bigint | undefined =>
    micros === undefined ? undefined : micros / 1_000_000n;
  return [
    counter(`container_pressure_${resource}_waiting_seconds_total`, seconds(pressure?.some.totalMicros)),
    counter(`container_pressure_${resource}_stalled_seconds_total`, seconds(pressure?.full?.totalMicros)),
  ];
}
