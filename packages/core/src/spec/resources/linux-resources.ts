import { Code, StatusError } from "@crib/errdefs";
import type { LinuxResources } from "@crib/oci-spec";

import type { ContainerResources } from "../../containers/types.ts";
import type { HostFeatures, SpecOptions } from "../types.ts";
import { hasSwapAccounting } from "./swap-accounting.ts";

type Limits = Omit<LinuxResources, "devices" | "blockIO">;

/**
 * The limits of a container as the runtime takes them, at its start and when they are updated. Zero and absent is "leave as it
 * is"; the limit of memory and swap together is that of memory unless given, so that nothing is swapped, where the host can limit swap.
 * InvalidArgument for a swap limit below that of memory and for a `unified` key that is no file's name or has no cgroup v2 to go
 * to; FailedPrecondition for huge page limits without a controller, unless tolerated.
 */
export function linuxResources(
  resources: ContainerResources,
  features: Pick<HostFeatures, "cgroupVersion" | "cgroupControllers" | "swapAccounting">,
  options: Pick<SpecOptions, "tolerateMissingHugetlb">,
): Limits {
  const cpu = nonEmpty({
    shares: resources.cpuShares,
    quota: resources.cpuQuota,
    period: resources.cpuPeriod,
    cpus: resources.cpusetCpus,
    mems: resources.cpusetMems,
  });
  const memory = memoryLimits(resources, features);
  const hugepageLimits = hugepages(resources, features, options);
  const unified = unifiedFiles(resources, features);
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(unified === undefined ? {} : { unified }),
  };
}

function memoryLimits(
  { memoryLimitBytes: limit = 0, memorySwapLimitBytes: asked = 0 }: ContainerResources,
  features: Pick<HostFeatures, "cgroupVersion" | "swapAccounting">,
): Limits["memory"] {
  if (limit > 0 && asked > 0 && asked < limit) {
    throw new StatusError(
      Code.InvalidArgument,
      `reading limits: that of memory and swap, ${asked}, is below that of memory, ${limit}`,
    );
  }
  const limitsSwap = features.swapAccounting ?? hasSwapAccounting(features.cgroupVersion);
  return nonEmpty({ limit, swap: limitsSwap ? asked || limit : 0 });
}

function hugepages(
  { hugepageLimits }: ContainerResources,
  { cgroupControllers }: Pick<HostFeatures, "cgroupControllers">,
  { tolerateMissingHugetlb }: Pick<SpecOptions, "tolerateMissingHugetlb">,
): NonNullable<Limits["hugepageLimits"]> {
  if (cgroupControllers.includes("hugetlb")) return hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit }));
  // A limit of none, which kubelets set for each size that is not asked for, holds anyhow for lack of any.
  const missing = hugepageLimits.find(({ limit }) => limit > 0);
  if (missing !== undefined && !tolerateMissingHugetlb) {
    throw new StatusError(
      Code.FailedPrecondition,
      `limiting huge pages of ${missing.pageSize}: the host has no hugetlb controller`,
    );
  }
  return [];
}

function unifiedFiles(
  { unified }: ContainerResources,
  { cgroupVersion }: Pick<HostFeatures, "cgroupVersion">,
): Limits["unified"] {
  const keys = Object.keys(unified);
  if (keys.length === 0) return undefined;
  const refuse = (why: string): StatusError => new StatusError(Code.InvalidArgument, `reading unified limits: ${why}`);
  if (cgroupVersion !== 2) throw refuse("the host has no cgroup v2");
  const bad = keys.find((key) => !/^[a-z0-9_]+(?:\.[A-Za-z0-9_]+)+$/.test(key));
  if (bad !== undefined) throw refuse(`${JSON.stringify(bad)} is no name of a cgroup file`);
  return { ...unified };
}

/** The entries that say something; undefined when none does. */
function nonEmpty<T extends object>(all: T): { readonly [K in keyof T]?: NonNullable<T[K]> } | undefined {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined && value !== 0 && value !== "");
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> });
}
