import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SandboxRecord } from "@crib/core/sandbox";
import type { InterfaceUsage, PodUsage } from "@crib/core/stats";
import type {
  ContainerStatsSchema,
  LinuxPodSandboxStatsSchema,
  NetworkInterfaceUsageSchema,
  PodSandboxStatsSchema,
} from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";
import { toCpuUsage, toIoUsage, toMemoryUsage } from "./usage.ts";

type LinuxStats = MessageInitShape<typeof LinuxPodSandboxStatsSchema>;

/** A pod's usage, and that of its containers, as the stats calls show it. */
export function toPodSandboxStats(
  { id, plan }: SandboxRecord,
  usage: PodUsage,
  containers: MessageInitShape<typeof ContainerStatsSchema>[],
): MessageInitShape<typeof PodSandboxStatsSchema> {
  const { timestamp, cpu, memory, pressure, processCount } = usage;
  return {
    attributes: { id, metadata: plan.pod, labels: plan.labels, annotations: plan.annotations },
    linux: {
      ...(cpu && { cpu: toCpuUsage(timestamp, cpu, pressure?.cpu) }),
      ...(memory && { memory: toMemoryUsage(timestamp, memory, pressure?.memory) }),
      ...toNetwork(usage),
      ...(processCount !== undefined && {
        process: { timestamp: toNanoseconds(timestamp), processCount: { value: processCount } },
      }),
      ...(pressure?.io && { io: toIoUsage(timestamp, pressure.io) }),
      containers,
    },
  };
}

function toNetwork({ timestamp, network }: PodUsage): Pick<LinuxStats, "network"> {
  if (!network) return {};
  const chosen = network.interfaces.find(({ name }) => name === network.defaultInterface) ?? network.interfaces[0];
  return {
    network: {
      timestamp: toNanoseconds(timestamp),
      ...(chosen && { defaultInterface: toInterface(chosen) }),
      interfaces: network.interfaces.filter((one) => one !== chosen).map(toInterface),
    },
  };
}

function toInterface(usage: InterfaceUsage): MessageInitShape<typeof NetworkInterfaceUsageSchema> {
  return {
    name: usage.name,
    rxBytes: { value: usage.rxBytes },
    rxErrors: { value: usage.rxErrors },
    txBytes: { value: usage.txBytes },
    txErrors: { value: usage.txErrors },
  };
}
