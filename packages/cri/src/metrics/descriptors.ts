import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MetricDescriptorSchema } from "@crib/wire/cri";

/** Labels that every metric has, in the order of their values. */
const baseLabels = ["container", "id", "image", "name", "namespace", "pod"] as const;

/** Names and meanings follow cAdvisor, whose metrics these calls replace; kubelet and dashboards know them by name. */
const help: Readonly<Record<string, string>> = {
  container_blkio_device_usage_total: "Bytes moved to and from block devices",
  container_cpu_cfs_periods_total: "Enforcement periods of the CPU quota that have passed",
  container_cpu_cfs_throttled_periods_total: "Enforcement periods in which the CPU quota was used up",
  container_cpu_cfs_throttled_seconds_total: "Seconds for which the CPU quota held processes back",
  container_cpu_system_seconds_total: "Seconds of CPU time spent in the kernel",
  container_cpu_usage_seconds_total: "Seconds of CPU time",
  container_cpu_user_seconds_total: "Seconds of CPU time spent outside the kernel",
  container_file_descriptors: "Open file descriptors",
  container_fs_inodes_free: "Free inodes of the filesystem",
  container_fs_inodes_total: "Inodes of the filesystem",
  container_fs_limit_bytes: "Size of the filesystem in bytes",
  container_fs_reads_bytes_total: "Bytes read from the filesystem",
  container_fs_reads_total: "Reads from the filesystem",
  container_fs_usage_bytes: "Bytes used on the filesystem",
  container_fs_writes_bytes_total: "Bytes written to the filesystem",
  container_fs_writes_total: "Writes to the filesystem",
  container_hugetlb_max_usage_bytes: "Highest usage of huge pages in bytes",
  container_hugetlb_usage_bytes: "Usage of huge pages in bytes",
  container_last_seen: "Time of the last look, in seconds since 1970",
  container_memory_cache: "Page cache in bytes",
  container_memory_failcnt: "Times that the memory limit was reached",
  container_memory_failures_total: "Page faults",
  container_memory_kernel_usage: "Memory of the kernel in bytes",
  container_memory_mapped_file: "Mapped files in bytes",
  container_memory_max_usage_bytes: "Highest memory usage in bytes",
  container_memory_rss: "Anonymous memory in bytes",
  container_memory_swap: "Swap usage in bytes",
  container_memory_usage_bytes: "Memory usage in bytes, page cache included",
  container_memory_working_set_bytes: "Memory usage in bytes without inactive page cache",
  container_network_receive_bytes_total: "Bytes received",
  container_network_receive_errors_total: "Errors while receiving",
  container_network_receive_packets_dropped_total: "Received packets that were dropped",
  container_network_receive_packets_total: "Packets received",
  container_network_transmit_bytes_total: "Bytes sent",
  container_network_transmit_errors_total: "Errors while sending",
  container_network_transmit_packets_dropped_total: "Packets dropped while sending",
  container_network_transmit_packets_total: "Packets sent",
  container_oom_events_total: "Processes ended for lack of memory",
  container_pressure_cpu_stalled_seconds_total: "Seconds in which all processes waited for CPU time",
  container_pressure_cpu_waiting_seconds_total: "Seconds in which some process waited for CPU time",
  container_pressure_io_stalled_seconds_total: "Seconds in which all processes waited for input and output",
  container_pressure_io_waiting_seconds_total: "Seconds in which some process waited for input and output",
  container_pressure_memory_stalled_seconds_total: "Seconds in which all processes waited for memory",
  container_pressure_memory_waiting_seconds_total: "Seconds in which some process waited for memory",
  container_processes: "Processes",
  container_sockets: "Open sockets",
  container_spec_cpu_period: "Period of the CPU quota in microseconds",
  container_spec_cpu_quota: "CPU quota in microseconds of each period",
  container_spec_cpu_shares: "CPU shares",
  container_spec_memory_limit_bytes: "Memory limit in bytes",
  container_spec_memory_swap_limit_bytes: "Swap limit in bytes",
  container_start_time_seconds: "Time of the start, in seconds since 1970",
  container_threads: "Threads",
  container_threads_max: "Limit of threads; zero is none",
  container_ulimits_soft: "Soft limits of the first process",
};

const extraLabels: Readonly<Record<string, readonly string[]>> = {
  container_blkio_device_usage_total: ["device", "major", "minor", "operation"],
  container_hugetlb_max_usage_bytes: ["pagesize"],
  container_hugetlb_usage_bytes: ["pagesize"],
  container_memory_failures_total: ["failure_type", "scope"],
  container_ulimits_soft: ["ulimit"],
};

/** The labels that a metric has beyond those of all. */
function labelsOf(name: string): readonly string[] {
  if (name.startsWith("container_network_")) return ["interface"];
  if (name.startsWith("container_fs_")) return ["device"];
  return extraLabels[name] ?? [];
}

/** Every metric that a pod or container may have; which ones it has depends on what the host accounts for. */
export const metricDescriptors: readonly MessageInitShape<typeof MetricDescriptorSchema>[] = Object.entries(help).map(
  ([name, text]) => ({ name, help: text, labelKeys: [...baseLabels, ...labelsOf(name)] }),
);
