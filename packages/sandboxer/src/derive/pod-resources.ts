import type { LinuxContainerResources } from "@crib/wire/cri";

import type { SandboxResources } from "../types.ts";

/** The limits that CRI names for a pod; what is zero or empty is not limited, and left out. */
export function podResources(resources: LinuxContainerResources | undefined): SandboxResources {
  if (resources === undefined) return {};
  const { cpusetCpus, cpusetMems, unified } = resources;
  const limits = {
    cpuShares: Number(resources.cpuShares),
    cpuPeriod: Number(resources.cpuPeriod),
    cpuQuota: Number(resources.cpuQuota),
    memoryLimitBytes: Number(resources.memoryLimitInBytes),
  };
  return {
    ...Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== 0)),
    ...(cpusetCpus === "" ? {} : { cpusetCpus }),
    ...(cpusetMems === "" ? {} : { cpusetMems }),
    ...(Object.keys(unified).length === 0 ? {} : { unified: { ...unified } }),
  };
}
