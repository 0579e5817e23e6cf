import type { LinuxResources } from "@crib/wire/nri";

import type { ContainerResources } from "../../containers/types.ts";

/** Limits that plugins ask for, as crib has them. Every number was checked to be one that can be told exactly. */
export function fromNriResources({ memory, cpu, hugepageLimits, unified }: LinuxResources): ContainerResources {
  return {
    ...(cpu?.shares && { cpuShares: Number(cpu.shares.value) }),
    ...(cpu?.period && { cpuPeriod: Number(cpu.period.value) }),
    ...(cpu?.quota && { cpuQuota: Number(cpu.quota.value) }),
    ...(cpu?.cpus && { cpusetCpus: cpu.cpus }),
    ...(cpu?.mems && { cpusetMems: cpu.mems }),
    ...(memory?.limit && { memoryLimitBytes: Number(memory.limit.value) }),
    ...(memory?.swap && { memorySwapLimitBytes: Number(memory.swap.value) }),
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) })),
    unified: { ...unified },
  };
}

/** What of it a running container cannot be given: for the log. */
export function notUpdatable(resources: LinuxResources): readonly string[] {
  const { memory, cpu } = resources;
  const left: Readonly<Record<string, boolean>> = {
    "memory reservation": memory?.reservation !== undefined,
    "kernel memory": (memory?.kernel ?? memory?.kernelTcp) !== undefined,
    "memory swappiness": memory?.swappiness !== undefined,
    "OOM killer": memory?.disableOomKiller !== undefined,
    "memory hierarchy": memory?.useHierarchy !== undefined,
    "realtime CPU": (cpu?.realtimePeriod ?? cpu?.realtimeRuntime) !== undefined,
    "block I/O class": resources.blockioClass !== undefined,
    "RDT class": resources.rdtClass !== undefined,
    devices: resources.devices.length > 0,
    pids: resources.pids !== undefined,
  };
  return Object.keys(left).filter((name) => left[name]);
}
