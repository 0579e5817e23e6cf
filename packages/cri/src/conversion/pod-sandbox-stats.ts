import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SandboxRecord } from "@crib/core/sandbox";
import type { LinuxPodSandboxStatsSchema, NetworkInterfaceUsageSchema, PodSandboxStatsSchema } from "@crib/wire/cri";

import type { InterfaceUsage, PodUsage } from "../types.ts";
import { toNanoseconds } from "./nanoseconds.ts";

type LinuxStats = MessageInitShape<typeof LinuxPodSandboxStatsSchema>;

/** A pod's usage as the stats calls show it. */
export function toPodSandboxStats(
  { id, plan }: SandboxRecord,
  usage: PodUsage,
): MessageInitShape<typeof PodSandboxStatsSchema> {
  return {
    attributes: { id, metadata: plan.pod, labels: plan.labels, annotations: plan.annotations },
    linux: {
      ...toCpu(usage),
      ...toMemory(usage),
      ...toNetwork(usage),
      ...(usage.processCount !== undefined && {
        process: { timestamp: toNanoseconds(usage.timestamp), processCount: { value: usage.processCount } },
      }),
      containers: [],
    },
  };
}

function toCpu({ timestamp, cpu }: PodUsage): Pick<LinuxStats, "cpu"> {
  if (!cpu) return {};
  return {
    cpu: {
      timestamp: toNanoseconds(timestamp),
      usageCoreNanoSeconds: { value: cpu.usageNanos },
      ...(cpu.usageNanoCores !== undefined && { usageNanoCores: { value: cpu.usageNanoCores } }),
    },
  };
}

function toMemory({ timestamp, memory }: PodUsage): Pick<LinuxStats, "memory"> {
  if (!memory) return {};
  const { availableBytes, rssBytes, pageFaults, majorPageFaults } = memory;
  return {
    memory: {
      timestamp: toNanoseconds(timestamp),
      usageBytes: { value: memory.usageBytes },
      workingSetBytes: { value: memory.workingSetBytes },
      ...(availableBytes !== undefined && { availableBytes: { value: availableBytes } }),
      ...(rssBytes !== undefined && { rssBytes: { value: rssBytes } }),
      ...(pageFaults !== undefined && { pageFaults: { value: pageFaults } }),
      ...(majorPageFaults !== undefined && { majorPageFaults: { value: majorPageFaults } }),
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
