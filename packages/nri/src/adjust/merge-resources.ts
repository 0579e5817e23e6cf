import { create } from "@bufbuild/protobuf";
import { Field, type LinuxCPU, type LinuxMemory, type LinuxResources, LinuxResourcesSchema } from "@crib/wire/nri";

import type { Claim } from "./field-owners.ts";

type MemoryKey = Exclude<keyof LinuxMemory, "$typeName" | "$unknown">;
type CpuKey = Exclude<keyof LinuxCPU, "$typeName" | "$unknown">;

const memoryFields: Readonly<Record<MemoryKey, Claim>> = {
  limit: { field: Field.MemLimit, label: "memory limit" },
  reservation: { field: Field.MemReservation, label: "memory reservation" },
  swap: { field: Field.MemSwapLimit, label: "memory swap limit" },
  kernel: { field: Field.MemKernelLimit, label: "kernel memory limit" },
  kernelTcp: { field: Field.MemTCPLimit, label: "kernel TCP memory limit" },
  swappiness: { field: Field.MemSwappiness, label: "memory swappiness" },
  disableOomKiller: { field: Field.MemDisableOomKiller, label: "setting of the OOM killer" },
  useHierarchy: { field: Field.MemUseHierarchy, label: "setting of the memory hierarchy" },
};

const cpuFields: Readonly<Record<CpuKey, Claim>> = {
  shares: { field: Field.CPUShares, label: "CPU shares" },
  quota: { field: Field.CPUQuota, label: "CPU quota" },
  period: { field: Field.CPUPeriod, label: "CPU period" },
  realtimeRuntime: { field: Field.CPURealtimeRuntime, label: "CPU realtime runtime" },
  realtimePeriod: { field: Field.CPURealtimePeriod, label: "CPU realtime period" },
  cpus: { field: Field.CPUSetCPUs, label: "CPU set" },
  mems: { field: Field.CPUSetMems, label: "memory nodes" },
};

/** What resources set, one claim for each. Device rules are nobody's: they only add. */
export function resourceClaims(resources: LinuxResources): readonly Claim[] {
  return [
    ...setFields(resources.memory, memoryFields),
    ...setFields(resources.cpu, cpuFields),
    ...resources.hugepageLimits.map(({ pageSize }) => ({
      field: Field.HugepageLimits,
      key: pageSize,
      label: "huge page limit",
    })),
    ...Object.keys(resources.unified).map((key) => ({ field: Field.CgroupsUnified, key, label: "cgroup file" })),
    ...(resources.blockioClass === undefined ? [] : [{ field: Field.BlockioClass, label: "block I/O class" }]),
    ...(resources.rdtClass === undefined ? [] : [{ field: Field.RdtClass, label: "RDT class" }]),
    ...(resources.pids === undefined ? [] : [{ field: Field.PidsLimit, label: "limit of processes" }]),
  ];
}

/** Resources as they become when those of `over` are set. Neither argument is changed. */
export function overlayResources(under: LinuxResources | undefined, over: LinuxResources): LinuxResources {
  const hugepages = new Map(
    [...(under?.hugepageLimits ?? []), ...over.hugepageLimits].map((limit) => [limit.pageSize, limit]),
  );
  const blockioClass = over.blockioClass ?? under?.blockioClass;
  const rdtClass = over.rdtClass ?? under?.rdtClass;
  const pids = over.pids ?? under?.pids;
  const memory = overlay(under?.memory, over.memory);
  const cpu = overlay(under?.cpu, over.cpu);
  return create(LinuxResourcesSchema, {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    hugepageLimits: [...hugepages.values()],
    unified: { ...under?.unified, ...over.unified },
    devices: [...(under?.devices ?? []), ...over.devices],
    ...(blockioClass && { blockioClass }),
    ...(rdtClass && { rdtClass }),
    ...(pids && { pids }),
  });
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== "";
}

function setFields(
  message: LinuxMemory | LinuxCPU | undefined,
  claims: Readonly<Record<string, Claim>>,
): readonly Claim[] {
  if (message === undefined) return [];
  const values = new Map<string, unknown>(Object.entries(message));
  return Object.entries(claims).flatMap(([key, claim]) => (isSet(values.get(key)) ? [claim] : []));
}

function overlay<T extends object>(under: T | undefined, over: T | undefined): T | undefined {
  if (under === undefined || over === undefined) return over ?? under;
  const set = Object.entries(over).filter(([, value]) => isSet(value));
  return { ...under, ...Object.fromEntries(set) };
}
