import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { parseFlatKeyed } from "./parse-flat-keyed.ts";

/** Memory of a cgroup, with all below it. */
export interface CgroupMemoryStats {
  readonly usageBytes: bigint;
  /** Usage without file pages that are not in use; at least 0. */
  readonly workingSetBytes: bigint;
  readonly rssBytes: bigint;
  readonly pageFaults: bigint;
  readonly majorPageFaults: bigint;
  /** What is left of the limit; undefined without one. */
  readonly availableBytes: bigint | undefined;
}

/** Counters of a cgroup. A part whose controller the machine lacks is undefined. */
export interface CgroupStats {
  /** When they were read, in nanoseconds since 1970. */
  readonly timestampNanos: bigint;
  readonly cpuUsageNanos: bigint | undefined;
  readonly memory: CgroupMemoryStats | undefined;
  /** Processes and threads. */
  readonly pids: bigint | undefined;
}

/** Version 1 says "no limit" with a number near 2^63, rounded down to a page. */
const noLimit = 1n << 62n;

/** Reads a file of a cgroup in the tree of a controller; undefined when tree or file are missing, but not the cgroup. */
async function readController(
  path: string,
  controller: string,
  file: (unified: boolean) => string,
): Promise<string | undefined> {
  const hierarchy = findHierarchy(controller);
  if (hierarchy === undefined) return undefined;
  try {
    return await readFile(`${cgroupDirectory(hierarchy, path)}/${file(hierarchy.unified)}`, "latin1");
  } catch (error) {
    if (errnoName(error) === "ENOENT") return undefined;
    throw StatusError.from(error, `reading counters of cgroup "${path}"`);
  }
}

async function cpuUsage(path: string): Promise<bigint | undefined> {
  const version1 = await readController(path, "cpuacct", () => "cpuacct.usage");
  if (version1 !== undefined) return BigInt(version1.trim());
  // cpu.stat of version 2 is there even where the cpu controller is not.
  const version2 = await readController(path, "cpu", (unified) => (unified ? "cpu.stat" : "cpuacct.usage"));
  const usec = version2 === undefined ? undefined : parseFlatKeyed(version2).get("usage_usec");
  return usec === undefined ? undefined : usec * 1_000n;
}

async function memoryStats(path: string): Promise<CgroupMemoryStats | undefined> {
  const [usage, limit, text] = await Promise.all([
    readController(path, "memory", (unified) => (unified ? "memory.current" : "memory.usage_in_bytes")),
    readController(path, "memory", (unified) => (unified ? "memory.max" : "memory.limit_in_bytes")),
    readController(path, "memory", () => "memory.stat"),
  ]);
  if (usage === undefined || text === undefined) return undefined;
  const stat = parseFlatKeyed(text);
  const prefix = findHierarchy("memory")?.unified === true ? "" : "total_";
  const usageBytes = BigInt(usage.trim());
  const inactive = stat.get(`${prefix}inactive_file`) ?? 0n;
  const workingSetBytes = usageBytes > inactive ? usageBytes - inactive : 0n;
  const limitBytes = limit === undefined || limit.trim() === "max" ? noLimit : BigInt(limit.trim());
  const left = limitBytes > workingSetBytes ? limitBytes - workingSetBytes : 0n;
  return {
    usageBytes,
    workingSetBytes,
    rssBytes: stat.get(prefix === "" ? "anon" : "total_rss") ?? 0n,
    pageFaults: stat.get(`${prefix}pgfault`) ?? 0n,
    majorPageFaults: stat.get(`${prefix}pgmajfault`) ?? 0n,
    availableBytes: limitBytes >= noLimit ? undefined : left,
  };
}

/** Reads the counters of a cgroup. A cgroup that is missing has none of them; see `cgroupExists`. */
export async function cgroupStats(path: string): Promise<CgroupStats> {
  const [cpuUsageNanos, memory, pids] = await Promise.all([
    cpuUsage(path),
    memoryStats(path),
    readController(path, "pids", () => "pids.current"),
  ]);
  return {
    timestampNanos: BigInt(Date.now()) * 1_000_000n,
    cpuUsageNanos,
    memory,
    pids: pids === undefined ? undefined : BigInt(pids.trim()),
  };
}
