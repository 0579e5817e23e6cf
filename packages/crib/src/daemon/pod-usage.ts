import { dirname } from "node:path";

import type { SandboxRecord } from "@crib/core/sandbox";
import type { PodUsage } from "@crib/core/stats";
import { cgroupStats, interfaceStats } from "@crib/linux";

/**
 * What a pod uses: its parent cgroup, in which the kubelet puts the pod and nothing else; without one, the pod's own.
 * Network counters are those of the pod's namespace.
 */
export async function readPodUsage({ plan }: SandboxRecord): Promise<PodUsage> {
  const parent = dirname(plan.cgroupPath);
  const stats = await cgroupStats(parent === "/" ? plan.cgroupPath : parent);
  const timestamp = new Date(Number(stats.timestampNanos / 1_000_000n));
  const netns = plan.namespaces.net;
  const interfaces = netns === undefined ? [] : interfaceStats(netns).filter(({ name }) => name !== "lo");
  const { cpuUsageNanos, memory, pids } = stats;
  return {
    timestamp,
    ...(cpuUsageNanos === undefined ? {} : { cpu: { usageNanos: cpuUsageNanos } }),
    ...(memory === undefined
      ? {}
      : {
          memory: {
            usageBytes: memory.usageBytes,
            workingSetBytes: memory.workingSetBytes,
            rssBytes: memory.rssBytes,
            pageFaults: memory.pageFaults,
            majorPageFaults: memory.majorPageFaults,
            ...(memory.availableBytes === undefined ? {} : { availableBytes: memory.availableBytes }),
          },
        }),
    ...(pids === undefined ? {} : { processCount: pids }),
    ...(netns === undefined
      ? {}
      : {
          network: {
            defaultInterface: interfaces.some(({ name }) => name === "eth0") ? "eth0" : (interfaces[0]?.name ?? ""),
            interfaces,
          },
        }),
  };
}
