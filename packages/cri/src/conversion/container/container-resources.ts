import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import type { LinuxContainerResourcesSchema } from "@crib/wire/cri";

/** The limits that a container has now; fields that are not set are zero or empty, as in requests. */
export function toResources({ plan, facts }: ContainerRecord): MessageInitShape<typeof LinuxContainerResourcesSchema> {
  const resources = facts.resources ?? plan.resources;
  return {
    cpuPeriod: BigInt(resources.cpuPeriod ?? 0),
    cpuQuota: BigInt(resources.cpuQuota ?? 0),
    cpuShares: BigInt(resources.cpuShares ?? 0),
    memoryLimitInBytes: BigInt(resources.memoryLimitBytes ?? 0),
    memorySwapLimitInBytes: BigInt(resources.memorySwapLimitBytes ?? 0),
    oomScoreAdj: BigInt(resources.oomScoreAdj ?? 0),
    cpusetCpus: resources.cpusetCpus ?? "",
    cpusetMems: resources.cpusetMems ?? "",
    hugepageLimits: resources.hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: BigInt(limit) })),
    unified: resources.unified,
  };
}
