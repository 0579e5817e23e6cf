import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import type { ContainerUsage, WritableLayerUsage } from "@crib/core/stats";
import type { ContainerStatsSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";
import { toCpuUsage, toIoUsage, toMemoryUsage } from "./usage.ts";

type Stats = MessageInitShape<typeof ContainerStatsSchema>;

/** A container's usage as the stats calls show it; without any, only whose it would be. */
export function toContainerStats({ id, plan }: ContainerRecord, usage: ContainerUsage | undefined): Stats {
  const attributes = {
    id,
    metadata: { name: plan.name, attempt: plan.attempt },
    labels: plan.labels,
    annotations: plan.annotations,
  };
  if (!usage) return { attributes };
  const { timestamp, cpu, memory, pressure, writableLayer } = usage;
  return {
    attributes,
    ...(cpu && { cpu: toCpuUsage(timestamp, cpu, pressure?.cpu) }),
    ...(memory && { memory: toMemoryUsage(timestamp, memory, pressure?.memory) }),
    ...(writableLayer && { writableLayer: toWritableLayer(writableLayer) }),
    ...toSwap(usage),
    ...(pressure?.io && { io: toIoUsage(timestamp, pressure.io) }),
  };
}

function toWritableLayer(usage: WritableLayerUsage): Stats["writableLayer"] {
  return {
    timestamp: toNanoseconds(usage.timestamp),
    fsId: { mountpoint: usage.mountpoint },
    usedBytes: { value: usage.usedBytes },
    inodesUsed: { value: usage.inodesUsed },
  };
}

function toSwap({ timestamp, swap }: ContainerUsage): Pick<Stats, "swap"> {
  if (!swap) return {};
  const { usageBytes, availableBytes } = swap;
  return {
    swap: {
      timestamp: toNanoseconds(timestamp),
      swapUsageBytes: { value: usageBytes },
      ...(availableBytes !== undefined && { swapAvailableBytes: { value: availableBytes } }),
    },
  };
}
