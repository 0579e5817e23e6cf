import { fromBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import type { SandboxMetrics } from "@crib/sandboxer";
import { cgroupsV1, cgroupsV2 } from "@crib/wire/cgroups";
import type { ControllerMetricsResponse } from "@crib/wire/sandbox";

import { dateOf } from "./answers.ts";

const nanosPerMicro = 1_000n;

/** Usage of a boundary by cgroup metrics of either version; undefined where the answer has none. Internal for anything else. */
export function readMetrics({ metrics }: Pick<ControllerMetricsResponse, "metrics">): SandboxMetrics | undefined {
  const data = metrics?.data;
  if (data === undefined || data.value.length === 0) return undefined;
  const timestamp = dateOf(metrics?.timestamp) ?? new Date();
  const name = data.typeUrl.slice(data.typeUrl.lastIndexOf("/") + 1);
  try {
    if (name === cgroupsV1.MetricsSchema.typeName) return { timestamp, ...ofV1(data.value) };
    if (name === cgroupsV2.MetricsSchema.typeName) return { timestamp, ...ofV2(data.value) };
  } catch (reason) {
    throw new StatusError(Code.Internal, `it answered metrics that are no ${name}`, { cause: reason });
  }
  throw new StatusError(
    Code.Internal,
    `it answered metrics of type "${name.slice(0, 100)}": expected those of a cgroup`,
  );
}

function ofV1(bytes: Uint8Array): Omit<SandboxMetrics, "timestamp"> {
  const { cpu, memory, pids } = fromBinary(cgroupsV1.MetricsSchema, bytes);
  const usage = memory?.usage?.usage;
  return {
    ...(cpu?.usage && { cpuUsageNanos: cpu.usage.total }),
    ...(memory && memoryOf(usage ?? 0n, memory.totalInactiveFile)),
    ...(pids && { pids: pids.current }),
  };
}

function ofV2(bytes: Uint8Array): Omit<SandboxMetrics, "timestamp"> {
  const { cpu, memory, pids } = fromBinary(cgroupsV2.MetricsSchema, bytes);
  return {
    ...(cpu && { cpuUsageNanos: cpu.usageUsec * nanosPerMicro }),
    ...(memory && memoryOf(memory.usage, memory.inactiveFile)),
    ...(pids && { pids: pids.current }),
  };
}

/** The working set is what cannot be given back at once, as the kubelet counts it. */
function memoryOf(usage: bigint, inactiveFile: bigint): Omit<SandboxMetrics, "timestamp"> {
  return { memoryUsageBytes: usage, memoryWorkingSetBytes: usage > inactiveFile ? usage - inactiveFile : 0n };
}
