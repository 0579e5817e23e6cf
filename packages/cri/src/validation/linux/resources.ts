import type { SandboxResources } from "@crib/sandboxer";
import type { LinuxContainerResources } from "@crib/wire/cri";

import { checkInteger } from "../values/integer.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkCount, checkText, type TextRule } from "../values/text.ts";

/** What a set of CPUs or memory nodes looks like. */
export const cpuListRule: TextRule = { maxBytes: 1_024, pattern: /^[0-9,-]*$/, form: "a list of numbers and ranges" };
const cgroupFile = { maxBytes: 255, pattern: /^[a-z0-9_]+(?:\.[A-Za-z0-9_]+)+$/, form: "the name of a cgroup file" };

/** Resources or overhead of a pod; what is zero or empty is not limited and left out. */
export function checkResources(field: string, resources: LinuxContainerResources | undefined): SandboxResources {
  if (!resources) return {};
  const max = Number.MAX_SAFE_INTEGER;
  const cpuShares = checkInteger(`${field}.cpu_shares`, resources.cpuShares, 0, max);
  const cpuPeriod = checkInteger(`${field}.cpu_period`, resources.cpuPeriod, 0, max);
  // -1 is the kernel's way to say "not limited".
  const cpuQuota = checkInteger(`${field}.cpu_quota`, resources.cpuQuota, -1, max);
  const memoryLimitBytes = checkInteger(`${field}.memory_limit_in_bytes`, resources.memoryLimitInBytes, -1, max);
  const cpusetCpus = checkText(`${field}.cpuset_cpus`, resources.cpusetCpus, cpuListRule);
  const cpusetMems = checkText(`${field}.cpuset_mems`, resources.cpusetMems, cpuListRule);
  const unified = checkUnified(`${field}.unified`, resources.unified);
  return {
    ...(cpuShares > 0 && { cpuShares }),
    ...(cpuPeriod > 0 && { cpuPeriod }),
    ...(cpuQuota > 0 && { cpuQuota }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
    ...(cpusetCpus !== "" && { cpusetCpus }),
    ...(cpusetMems !== "" && { cpusetMems }),
    ...(unified && { unified }),
  };
}

/** Files of cgroup v2 by name; undefined when there are none. */
export function checkUnified(field: string, map: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const entries = Object.entries(map);
  if (entries.length === 0) return undefined;
  checkCount(field, entries.length, 256);
  for (const [key, value] of entries) {
    checkText(field, key, cgroupFile);
    if (value.includes("\0") || value.length > 4_096) throw invalid(field, `the value of ${quote(key)} is not valid`);
  }
  return Object.fromEntries(entries);
}
