import type { UsageDetails } from "@crib/core/stats";

import { counter, gauge, nanosPerSecond, type Sample } from "./sample.ts";

/** The metrics that only the dearer reading tells. */
export function detailSamples(details: UsageDetails): Sample[] {
  return [
    ...cpuSamples(details.cpu),
    ...memorySamples(details),
    ...processSamples(details.processes),
    ...diskSamples(details),
  ];
}

function seconds(nanos: bigint | undefined): bigint | undefined {
  return nanos === undefined ? undefined : nanos / nanosPerSecond;
}

function cpuSamples(cpu: UsageDetails["cpu"]): Sample[] {
  return [
    counter("container_cpu_user_seconds_total", seconds(cpu?.userNanos)),
    counter("container_cpu_system_seconds_total", seconds(cpu?.systemNanos)),
    counter("container_cpu_cfs_periods_total", cpu?.periods),
    counter("container_cpu_cfs_throttled_periods_total", cpu?.throttledPeriods),
    counter("container_cpu_cfs_throttled_seconds_total", seconds(cpu?.throttledNanos)),
  ];
}

function memorySamples({ memory, oomKills, hugepages }: UsageDetails): Sample[] {
  return [
    gauge("container_memory_cache", memory?.cacheBytes),
    gauge("container_memory_kernel_usage", memory?.kernelBytes),
    gauge("container_memory_mapped_file", memory?.mappedFileBytes),
    gauge("container_memory_max_usage_bytes", memory?.maxUsageBytes),
    counter("container_memory_failcnt", memory?.limitHits),
    counter("container_oom_events_total", oomKills),
    ...(hugepages ?? []).flatMap(({ pageSize, usageBytes, maxUsageBytes }) => [
      gauge("container_hugetlb_usage_bytes", usageBytes, pageSize),
      gauge("container_hugetlb_max_usage_bytes", maxUsageBytes, pageSize),
    ]),
  ];
}

function processSamples(processes: UsageDetails["processes"]): Sample[] {
  return [
    gauge("container_processes", processes?.count),
    gauge("container_file_descriptors", processes?.fileDescriptors),
    gauge("container_sockets", processes?.sockets),
    gauge("container_ulimits_soft", processes?.openFilesLimit, "max_open_files"),
  ];
}

function diskSamples({ blockIo, filesystem }: UsageDetails): Sample[] {
  return [
    ...(blockIo ?? []).flatMap(({ device, major, minor, readBytes, writeBytes, reads, writes }) => [
      counter("container_blkio_device_usage_total", readBytes, device, `${major}`, `${minor}`, "Read"),
      counter("container_blkio_device_usage_total", writeBytes, device, `${major}`, `${minor}`, "Write"),
      counter("container_fs_reads_bytes_total", readBytes, device),
      counter("container_fs_reads_total", reads, device),
      counter("container_fs_writes_bytes_total", writeBytes, device),
      counter("container_fs_writes_total", writes, device),
    ]),
    gauge("container_fs_limit_bytes", filesystem?.limitBytes, filesystem?.device ?? ""),
    gauge("container_fs_inodes_total", filesystem?.inodes, filesystem?.device ?? ""),
    gauge("container_fs_inodes_free", filesystem?.inodesFree, filesystem?.device ?? ""),
  ];
}
