import { fromBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { CgroupLimits, CgroupMemoryStats, CgroupStats } from "@crib/linux";
import { cgroupsV1, cgroupsV2 } from "@crib/wire/cgroups";

import type { UsageDetails } from "./types.ts";

/** Usage of a task as its service tells it: the cgroup that it is in is not on this host. */
export interface TaskMetrics {
  readonly stats: CgroupStats;
  readonly limits: Pick<CgroupLimits, "pids" | "swapBytes" | "swapUsageBytes">;
  readonly details: Pick<UsageDetails, "cpu" | "memory" | "oomKills" | "hugepages">;
}

/** "No limit" is a number near 2^63 in version 1, 2^64-1 in version 2. */
const noLimit = 1n << 62n;

/**
 * Reads the answer of a task service to Stats: metrics of cgroup version 1 or 2, as its kernel has them. `timestampNanos` is when it was
 * asked. Unimplemented for any other.
 */
export function readTaskMetrics({ typeUrl, value }: Any, timestampNanos: bigint): TaskMetrics {
  const type = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  if (type === cgroupsV1.MetricsSchema.typeName) {
    return fromVersion1(fromBinary(cgroupsV1.MetricsSchema, value), timestampNanos);
  }
  if (type === cgroupsV2.MetricsSchema.typeName) {
    return fromVersion2(fromBinary(cgroupsV2.MetricsSchema, value), timestampNanos);
  }
  throw new StatusError(Code.Unimplemented, `reading the statistics of a task: they are of type "${type}"`);
}

function fromVersion1(
  { cpu, memory, pids, hugetlb, memoryOomControl }: cgroupsV1.Metrics,
  timestampNanos: bigint,
): TaskMetrics {
  const { usage, swap, kernel } = memory ?? {};
  const [ram, both] = [limited(usage?.limit), limited(swap?.limit)];
  return {
    stats: {
      timestampNanos,
      cpuUsageNanos: cpu?.usage?.total,
      memory:
        memory &&
        memoryStats({
          usageBytes: memory.usage?.usage ?? 0n,
          inactiveBytes: memory.totalInactiveFile,
          limitBytes: ram,
          rssBytes: memory.totalRss,
          pageFaults: memory.totalPgFault,
          majorPageFaults: memory.totalPgMajFault,
        }),
      pids: pids?.current,
    },
    limits: {
      pids: limited(pids?.limit),
      // Here memory and swap are counted, and limited, together.
      swapUsageBytes: swap && usage ? atLeast0(swap.usage - usage.usage) : undefined,
      swapBytes: ram === undefined || both === undefined ? undefined : atLeast0(both - ram),
    },
    details: {
      cpu: known({
        userNanos: cpu?.usage?.user,
        systemNanos: cpu?.usage?.kernel,
        periods: cpu?.throttling?.periods,
        throttledPeriods: cpu?.throttling?.throttledPeriods,
        throttledNanos: cpu?.throttling?.throttledTime,
      }),
      memory: known({
        cacheBytes: memory?.totalCache,
        mappedFileBytes: memory?.totalMappedFile,
        kernelBytes: kernel?.usage,
        maxUsageBytes: usage?.max,
        limitHits: usage?.failcnt,
      }),
      ...(memoryOomControl && { oomKills: memoryOomControl.oomKill }),
      hugepages: hugetlb.map((page) => ({
        pageSize: page.pagesize,
        usageBytes: page.usage,
        maxUsageBytes: page.max,
      })),
    },
  };
}

function fromVersion2(
  { cpu, memory, pids, hugetlb, memoryEvents }: cgroupsV2.Metrics,
  timestampNanos: bigint,
): TaskMetrics {
  return {
    stats: {
      timestampNanos,
      cpuUsageNanos: cpu && cpu.usageUsec * 1_000n,
      memory:
        memory &&
        memoryStats({
          usageBytes: memory.usage,
          inactiveBytes: memory.inactiveFile,
          limitBytes: limited(memory.usageLimit),
          rssBytes: memory.anon,
          pageFaults: memory.pgfault,
          majorPageFaults: memory.pgmajfault,
        }),
      pids: pids?.current,
    },
    limits: {
      pids: limited(pids?.limit),
      swapUsageBytes: memory?.swapUsage,
      swapBytes: limited(memory?.swapLimit),
    },
    details: {
      cpu: known({
        userNanos: cpu && cpu.userUsec * 1_000n,
        systemNanos: cpu && cpu.systemUsec * 1_000n,
        periods: cpu?.nrPeriods,
        throttledPeriods: cpu?.nrThrottled,
        throttledNanos: cpu && cpu.throttledUsec * 1_000n,
      }),
      memory: known({
        cacheBytes: memory?.file,
        mappedFileBytes: memory?.fileMapped,
        kernelBytes: memory && memory.kernelStack + memory.slab,
        limitHits: memoryEvents?.max,
      }),
      ...(memoryEvents && { oomKills: memoryEvents.oomKill }),
      hugepages: hugetlb.map(({ pagesize, current }) => ({ pageSize: pagesize, usageBytes: current })),
    },
  };
}

interface MemoryFigures extends Pick<CgroupMemoryStats, "usageBytes" | "rssBytes" | "pageFaults" | "majorPageFaults"> {
  readonly inactiveBytes: bigint;
  readonly limitBytes: bigint | undefined;
}

function memoryStats({ inactiveBytes, limitBytes, ...figures }: MemoryFigures): CgroupMemoryStats {
  const workingSetBytes = atLeast0(figures.usageBytes - inactiveBytes);
  const availableBytes = limitBytes === undefined ? undefined : atLeast0(limitBytes - workingSetBytes);
  return { ...figures, workingSetBytes, availableBytes };
}

/** Zero is what a service says that knows of no limit. */
function limited(limit: bigint | undefined): bigint | undefined {
  return limit === undefined || limit === 0n || limit >= noLimit ? undefined : limit;
}

function atLeast0(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

/** The entries whose value is known. */
function known<K extends string>(values: Readonly<Record<K, bigint | undefined>>): { readonly [P in K]?: bigint } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [P in K]?: bigint };
}
