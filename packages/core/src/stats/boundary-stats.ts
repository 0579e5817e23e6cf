import type { CgroupMemoryStats, CgroupStats } from "@crib/linux";
import type { SandboxMetrics } from "@crib/sandboxer";

import type { MemoryUsage } from "./types.ts";

/** What a cgroup tells, or a controller that may tell less of memory. */
export interface PodStats extends Omit<CgroupStats, "memory"> {
  readonly memory: CgroupMemoryStats | MemoryUsage | undefined;
}

/** Statistics of a pod's cgroup, with what its controller measures in place of what this host does. */
export function withBoundary(stats: CgroupStats, metrics: SandboxMetrics | undefined): PodStats {
  if (metrics === undefined) return stats;
  const { timestamp, cpuUsageNanos, memoryUsageBytes, memoryWorkingSetBytes, pids } = metrics;
  const usageBytes = memoryUsageBytes ?? memoryWorkingSetBytes;
  const memory =
    usageBytes === undefined ? undefined : { usageBytes, workingSetBytes: memoryWorkingSetBytes ?? usageBytes };
  return {
    timestampNanos: BigInt(timestamp.getTime()) * 1_000_000n,
    cpuUsageNanos: cpuUsageNanos ?? stats.cpuUsageNanos,
    memory: memory ?? stats.memory,
    pids: pids ?? stats.pids,
  };
}
