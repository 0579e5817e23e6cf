import { findHierarchy } from "./cgroup-path.ts";
import { parseFlatKeyed } from "./parse-flat-keyed.ts";
import { readCgroupFile } from "./read-cgroup-file.ts";

/** Limits of a cgroup and what came of them. What the machine does not account for is undefined. */
export interface CgroupLimits {
  readonly memoryBytes: bigint | undefined;
  /** Without memory. */
  readonly swapUsageBytes: bigint | undefined;
  readonly swapBytes: bigint | undefined;
  readonly pids: bigint | undefined;
  /** Processes that the kernel killed because the memory limit was reached. */
  readonly oomKills: bigint | undefined;
}

/** Version 1 says "no limit" with a number near 2^63. */
const noLimit = 1n << 62n;

/** Reads the limits of a cgroup. A cgroup that is missing has none. */
export async function cgroupLimits(path: string): Promise<CgroupLimits> {
  const memory = findHierarchy("memory");
  const unified = memory?.unified === true;
  const read = (controller: string, file: string): Promise<string | undefined> =>
    readCgroupFile(path, controller, file);
  const [limit, swapUsage, swapLimit, usage, pids, events] = await Promise.all([
    read("memory", unified ? "memory.max" : "memory.limit_in_bytes"),
    read("memory", unified ? "memory.swap.current" : "memory.memsw.usage_in_bytes"),
    read("memory", unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes"),
    read("memory", unified ? "memory.current" : "memory.usage_in_bytes"),
    read("pids", "pids.max"),
    read("memory", unified ? "memory.events" : "memory.oom_control"),
  ]);
  const memoryBytes = limitOf(limit);
  const bothUsage = limitOf(swapUsage);
  const bothLimit = limitOf(swapLimit);
  // Version 1 counts memory and swap together.
  const minus = (both: bigint | undefined, part: bigint | undefined): bigint | undefined =>
    unified || both === undefined ? both : part === undefined ? undefined : both > part ? both - part : 0n;
  return {
    memoryBytes,
    swapUsageBytes: minus(bothUsage, limitOf(usage)),
    swapBytes: minus(bothLimit, memoryBytes),
    pids: limitOf(pids),
    oomKills: events === undefined ? undefined : parseFlatKeyed(events).get("oom_kill"),
  };
}

function limitOf(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[0-9]+$/.test(text.trim())) return undefined;
  const value = BigInt(text.trim());
  return value >= noLimit ? undefined : value;
}
