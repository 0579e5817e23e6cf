import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CpuUsage, MemoryUsage, Pressure, PressureLine } from "@crib/core/stats";
import type { CpuUsageSchema, IoUsageSchema, MemoryUsageSchema, PsiDataSchema, PsiStatsSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";

/** CPU time of a pod or container. */
export function toCpuUsage(
  timestamp: Date,
  { usageNanos, usageNanoCores }: CpuUsage,
  pressure: Pressure | undefined,
): MessageInitShape<typeof CpuUsageSchema> {
  return {
    timestamp: toNanoseconds(timestamp),
    usageCoreNanoSeconds: { value: usageNanos },
    ...(usageNanoCores !== undefined && { usageNanoCores: { value: usageNanoCores } }),
    ...(pressure && { psi: toPsi(pressure) }),
  };
}

/** Memory of a pod or container. */
export function toMemoryUsage(
  timestamp: Date,
  memory: MemoryUsage,
  pressure: Pressure | undefined,
): MessageInitShape<typeof MemoryUsageSchema> {
  const { availableBytes, rssBytes, pageFaults, majorPageFaults } = memory;
  return {
    timestamp: toNanoseconds(timestamp),
    usageBytes: { value: memory.usageBytes },
    workingSetBytes: { value: memory.workingSetBytes },
    ...(availableBytes !== undefined && { availableBytes: { value: availableBytes } }),
    ...(rssBytes !== undefined && { rssBytes: { value: rssBytes } }),
    ...(pageFaults !== undefined && { pageFaults: { value: pageFaults } }),
    ...(majorPageFaults !== undefined && { majorPageFaults: { value: majorPageFaults } }),
    ...(pressure && { psi: toPsi(pressure) }),
  };
}

/** What a pod or container waits for input and output. */
export function toIoUsage(timestamp: Date, pressure: Pressure): MessageInitShape<typeof IoUsageSchema> {
  return { timestamp: toNanoseconds(timestamp), psi: toPsi(pressure) };
}

function toPsi({ some, full }: Pressure): MessageInitShape<typeof PsiStatsSchema> {
  return { Some: toPsiLine(some), ...(full && { Full: toPsiLine(full) }) };
}

/** The kernel tells microseconds, the CRI wants nanoseconds. */
function toPsiLine({ totalMicros, avg10, avg60, avg300 }: PressureLine): MessageInitShape<typeof PsiDataSchema> {
  return { Total: totalMicros * 1_000n, Avg10: avg10, Avg60: avg60, Avg300: avg300 };
}
