import { readdir, readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { type BlockIo, parseBlockIo, parseIoStat } from "./parse-block-io.ts";
import { parseFlatKeyed } from "./parse-flat-keyed.ts";

/** Counters of a cgroup that only monitoring asks for. What the machine does not account for is undefined. */
export interface CgroupDetails {
  readonly userNanos: bigint | undefined;
  readonly systemNanos: bigint | undefined;
  /** Periods of the CPU quota that have passed; 0 without a quota. */
  readonly periods: bigint | undefined;
  readonly throttledPeriods: bigint | undefined;
  readonly throttledNanos: bigint | undefined;
  readonly cacheBytes: bigint | undefined;
  readonly kernelBytes: bigint | undefined;
  readonly mappedFileBytes: bigint | undefined;
  readonly maxUsageBytes: bigint | undefined;
  /** Times that the memory limit was reached. */
  readonly limitHits: bigint | undefined;
  readonly hugepages: readonly HugepageUsage[];
  readonly blockIo: readonly BlockIo[];
}

export interface HugepageUsage {
  /** `2MB` and so on. */
  readonly pageSize: string;
  readonly usageBytes: bigint;
  readonly maxUsageBytes: bigint | undefined;
}

/** Reads those counters. A cgroup that is missing has none of them. */
export async function cgroupDetails(path: string): Promise<CgroupDetails> {
  const [cpu, memory, hugepages, blockIo] = await Promise.all([
    cpuDetails(path),
    memoryDetails(path),
    hugepageUsage(path),
    blockIoOf(path),
  ]);
  return { ...cpu, ...memory, hugepages, blockIo };
}

type Cpu = Pick<CgroupDetails, "userNanos" | "systemNanos" | "periods" | "throttledPeriods" | "throttledNanos">;

async function cpuDetails(path: string): Promise<Cpu> {
  const [stat, user, system] = await Promise.all([
    read(path, "cpu", "cpu.stat"),
    read(path, "cpuacct", "cpuacct.usage_user"),
    read(path, "cpuacct", "cpuacct.usage_sys"),
  ]);
  const values = parseFlatKeyed(stat ?? "");
  const nanos = (name: string): bigint | undefined => {
    const micros = values.get(name);
    return micros === undefined ? undefined : micros * 1_000n;
  };
  return {
    userNanos: numberIn(user) ?? nanos("user_usec"),
    systemNanos: numberIn(system) ?? nanos("system_usec"),
    periods: values.get("nr_periods"),
    throttledPeriods: values.get("nr_throttled"),
    throttledNanos: values.get("throttled_time") ?? nanos("throttled_usec"),
  };
}

type Memory = Pick<CgroupDetails, "cacheBytes" | "kernelBytes" | "mappedFileBytes" | "maxUsageBytes" | "limitHits">;

async function memoryDetails(path: string): Promise<Memory> {
  const unified = findHierarchy("memory")?.unified === true;
  const [stat, max, failures, kernel] = await Promise.all([
    read(path, "memory", "memory.stat"),
    read(path, "memory", unified ? "memory.peak" : "memory.max_usage_in_bytes"),
    read(path, "memory", unified ? "memory.events" : "memory.failcnt"),
    unified ? undefined : read(path, "memory", "memory.kmem.usage_in_bytes"),
  ]);
  const values = parseFlatKeyed(stat ?? "");
  return {
    cacheBytes: values.get(unified ? "file" : "total_cache"),
    kernelBytes: unified ? values.get("kernel") : numberIn(kernel),
    mappedFileBytes: values.get(unified ? "file_mapped" : "total_mapped_file"),
    maxUsageBytes: numberIn(max),
    limitHits: unified ? parseFlatKeyed(failures ?? "").get("max") : numberIn(failures),
  };
}

async function hugepageUsage(path: string): Promise<HugepageUsage[]> {
  const hierarchy = findHierarchy("hugetlb");
  if (!hierarchy) return [];
  const suffix = hierarchy.unified ? "current" : "usage_in_bytes";
  const names = await orUndefined(path, readdir(cgroupDirectory(hierarchy, path)));
  const sizes = (names ?? []).flatMap((name) => {
    const match = /^hugetlb\.(\d+[KMG]B)\.(.+)$/.exec(name);
    return match?.[1] !== undefined && match[2] === suffix ? [match[1]] : [];
  });
  const usages = sizes.map(async (pageSize) => {
    const [usage, most] = await Promise.all([
      read(path, "hugetlb", `hugetlb.${pageSize}.${suffix}`),
      hierarchy.unified ? undefined : read(path, "hugetlb", `hugetlb.${pageSize}.max_usage_in_bytes`),
    ]);
    const usageBytes = numberIn(usage);
    return usageBytes === undefined ? [] : [{ pageSize, usageBytes, maxUsageBytes: numberIn(most) }];
  });
  return (await Promise.all(usages)).flat();
}

async function blockIoOf(path: string): Promise<BlockIo[]> {
  if (findHierarchy("io")) return parseIoStat((await read(path, "io", "io.stat")) ?? "");
  const [bytes, operations] = await Promise.all([
    read(path, "blkio", "blkio.throttle.io_service_bytes"),
    read(path, "blkio", "blkio.throttle.io_serviced"),
  ]);
  return parseBlockIo(bytes ?? "", operations ?? "");
}

function numberIn(text: string | undefined): bigint | undefined {
  const digits = /^(\d+)\s*$/.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

async function read(path: string, controller: string, file: string): Promise<string | undefined> {
  const hierarchy = findHierarchy(controller);
  return hierarchy && (await orUndefined(path, readFile(`${cgroupDirectory(hierarchy, path)}/${file}`, "latin1")));
}

async function orUndefined<T>(path: string, reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    // ENODEV: the cgroup went between the opening and the reading. EOPNOTSUPP: the kernel does not count that.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoName(error) ?? "")) return undefined;
    throw StatusError.from(error, `reading counters of cgroup "${path}"`);
  }
}
