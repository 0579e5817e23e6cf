import type { ContainerResources } from "@crib/core/containers";
import type { HugepageLimit, LinuxContainerResources } from "@crib/wire/cri";

import { cpuListRule, checkUnified } from "../linux/resources.ts";
import { checkInteger } from "../values/integer.ts";
import { invalid } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";

const max = Number.MAX_SAFE_INTEGER;
/** As the kubelet and the OCI runtime specification write sizes of huge pages. */
const pageSize = { maxBytes: 32, pattern: /^[1-9][0-9]*(?:B|KB|MB|GB|TB|PB)$/, form: "a size like 2MB" };

/**
 * The limits of a container. Zero and empty are "not set"; -1 is "no limit" for CPU quota, memory and swap. In a request that makes a
 * container (`initial`), an oom_score_adj of zero is a value like any other.
 */
export function checkContainerResources(
  field: string,
  resources: LinuxContainerResources | undefined,
  { initial }: { readonly initial: boolean },
): ContainerResources {
  if (!resources) return { hugepageLimits: [], unified: {} };
  const number = (name: string, value: bigint, min: number, most = max): number =>
    checkInteger(`${field}.${name}`, value, min, most);
  const cpuShares = number("cpu_shares", resources.cpuShares, 0);
  const cpuPeriod = number("cpu_period", resources.cpuPeriod, 0);
  const cpuQuota = number("cpu_quota", resources.cpuQuota, -1);
  const memoryLimitBytes = number("memory_limit_in_bytes", resources.memoryLimitInBytes, -1);
  const memorySwapLimitBytes = number("memory_swap_limit_in_bytes", resources.memorySwapLimitInBytes, -1);
  const oomScoreAdj = number("oom_score_adj", resources.oomScoreAdj, -1_000, 1_000);
  const cpusetCpus = checkText(`${field}.cpuset_cpus`, resources.cpusetCpus, cpuListRule);
  const cpusetMems = checkText(`${field}.cpuset_mems`, resources.cpusetMems, cpuListRule);
  return {
    ...(cpuShares !== 0 && { cpuShares }),
    ...(cpuPeriod !== 0 && { cpuPeriod }),
    ...(cpuQuota !== 0 && { cpuQuota }),
    ...(cpusetCpus !== "" && { cpusetCpus }),
    ...(cpusetMems !== "" && { cpusetMems }),
    ...(memoryLimitBytes !== 0 && { memoryLimitBytes }),
    ...(memorySwapLimitBytes !== 0 && { memorySwapLimitBytes }),
    ...((initial || oomScoreAdj !== 0) && { oomScoreAdj }),
    hugepageLimits: checkHugepages(`${field}.hugepage_limits`, resources.hugepageLimits),
    unified: checkUnified(`${field}.unified`, resources.unified) ?? {},
  };
}

function checkHugepages(field: string, limits: readonly HugepageLimit[]): ContainerResources["hugepageLimits"] {
  checkCount(field, limits.length, 32);
  const checked = limits.map((limit, index) => ({
    pageSize: checkText(`${field}[${index}].page_size`, limit.pageSize, pageSize),
    limit: checkInteger(`${field}[${index}].limit`, limit.limit, 0, max),
  }));
  if (new Set(checked.map((limit) => limit.pageSize)).size !== checked.length) {
    throw invalid(field, "has a page size twice");
  }
  return checked;
}
