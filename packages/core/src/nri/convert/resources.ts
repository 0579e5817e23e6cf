import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { LinuxResources as SpecResources } from "@crib/oci-spec";
import type { SandboxResources } from "@crib/sandboxer";
import { type LinuxResources, LinuxResourcesSchema } from "@crib/wire/nri";

import type { ContainerResources } from "../../containers/types.ts";

const largestInt64 = 2n ** 63n - 1n;
const largestUint64 = 2n ** 64n - 1n;

interface Wrapped {
  readonly value: bigint;
}

/** A whole number of a specification as NRI has it; undefined for none, and for what is no whole number. */
export function wrapped(value: number | undefined): Wrapped | undefined {
  if (value === undefined || !Number.isInteger(value)) return undefined;
  const whole = BigInt(value);
  return { value: whole > largestInt64 ? largestInt64 : whole };
}

/** As `wrapped`, of what is never negative. */
export function wrappedUnsigned(value: number | undefined): Wrapped | undefined {
  return value === undefined || value < 0 ? undefined : { value: unsigned(value) };
}

/** A whole number as one of 64 bits without sign. Of what a float cannot hold the largest stands for "no limit". */
export function unsigned(value: number): bigint {
  if (!Number.isInteger(value) || value < 0) return 0n;
  const whole = BigInt(value);
  return whole > largestUint64 ? largestUint64 : whole;
}

/** Limits of a specification. */
export function specResources(resources: SpecResources): LinuxResources {
  const { cpu, memory } = resources;
  return fromParts({
    ...(memory && {
      memory: {
        limit: wrapped(memory.limit),
        reservation: wrapped(memory.reservation),
        swap: wrapped(memory.swap),
        swappiness: wrappedUnsigned(memory.swappiness),
        ...(memory.disableOOMKiller !== undefined && { disableOomKiller: { value: memory.disableOOMKiller } }),
        ...(memory.useHierarchy !== undefined && { useHierarchy: { value: memory.useHierarchy } }),
      },
    }),
    ...(cpu && {
      cpu: {
        shares: wrappedUnsigned(cpu.shares),
        quota: wrapped(cpu.quota),
        period: wrappedUnsigned(cpu.period),
        realtimeRuntime: wrapped(cpu.realtimeRuntime),
        realtimePeriod: wrappedUnsigned(cpu.realtimePeriod),
        cpus: cpu.cpus ?? "",
        mems: cpu.mems ?? "",
      },
    }),
    hugepageLimits: hugepages(resources.hugepageLimits ?? []),
    unified: { ...resources.unified },
    devices: (resources.devices ?? []).map((rule) => ({
      allow: rule.allow,
      type: rule.type ?? "",
      major: wrapped(rule.major),
      minor: wrapped(rule.minor),
      access: rule.access ?? "",
    })),
    ...(resources.pids && { pids: { limit: BigInt(Math.trunc(resources.pids.limit)) } }),
  });
}

/** Limits of a container as CRI has them. */
export function containerResources(resources: ContainerResources): LinuxResources {
  return fromParts({
    ...podOrContainer(resources, resources.memorySwapLimitBytes),
    hugepageLimits: hugepages(resources.hugepageLimits),
    unified: { ...resources.unified },
  });
}

/** Limits of a pod as CRI has them. */
export function podResources(resources: SandboxResources): LinuxResources {
  return fromParts({ ...podOrContainer(resources, undefined), unified: { ...resources.unified } });
}

type Parts = MessageInitShape<typeof LinuxResourcesSchema>;

function fromParts(parts: Parts): LinuxResources {
  return create(LinuxResourcesSchema, parts);
}

function podOrContainer(resources: SandboxResources, swap: number | undefined): Pick<LinuxResources, never> & object {
  const { memoryLimitBytes, cpuShares, cpuQuota, cpuPeriod, cpusetCpus = "", cpusetMems = "" } = resources;
  return {
    memory: { limit: wrapped(memoryLimitBytes), swap: wrapped(swap) },
    cpu: {
      shares: wrappedUnsigned(cpuShares),
      quota: wrapped(cpuQuota),
      period: wrappedUnsigned(cpuPeriod),
      cpus: cpusetCpus,
      mems: cpusetMems,
    },
  };
}

function hugepages(
  limits: readonly { readonly pageSize: string; readonly limit: number }[],
): { pageSize: string; limit: bigint }[] {
  return limits.map(({ pageSize, limit }) => ({ pageSize, limit: unsigned(limit) }));
}
