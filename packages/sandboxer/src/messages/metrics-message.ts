import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { cgroupsV2 } from "@crib/wire/cgroups";
import type { MetricSchema } from "@crib/wire/types";

import type { SandboxMetrics } from "../types.ts";

/** Usage as containerd's Metric, whose data are those of a cgroup of version 2, whatever the host has; undefined for none. */
export function metricsMessage(
  id: string,
  metrics: SandboxMetrics | undefined,
): MessageInitShape<typeof MetricSchema> | undefined {
  if (metrics === undefined) return undefined;
  const { timestamp, cpuUsageNanos, memoryUsageBytes, memoryWorkingSetBytes, pids } = metrics;
  const usage = memoryUsageBytes ?? memoryWorkingSetBytes;
  const data = create(cgroupsV2.MetricsSchema, {
    ...(cpuUsageNanos === undefined ? {} : { cpu: { usageUsec: cpuUsageNanos / 1_000n } }),
    // Readers take the working set to be what is used without the inactive files.
    ...(usage === undefined ? {} : { memory: { usage, inactiveFile: usage - (memoryWorkingSetBytes ?? usage) } }),
    ...(pids === undefined ? {} : { pids: { current: pids } }),
  });
  return {
    timestamp: timestampFromDate(timestamp),
    id,
    data: { typeUrl: cgroupsV2.MetricsSchema.typeName, value: toBinary(cgroupsV2.MetricsSchema, data) },
  };
}
