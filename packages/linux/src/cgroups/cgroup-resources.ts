import { access, writeFile } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { cgroupLayout } from "./layout.ts";

/** Limits of a cgroup, as CRI and the OCI runtime specification word them. What is absent, 0 or "" is left as it is. */
export interface CgroupResources {
  /** Relative weight, 2 to 262144; 1024 is the usual one. */
  readonly cpuShares?: number | undefined;
  /** Microseconds of processor time per period; -1 for no limit. */
  readonly cpuQuota?: number | undefined;
  /** Microseconds. */
  readonly cpuPeriod?: number | undefined;
  /** Bytes; -1 for no limit. */
  readonly memoryLimit?: number | undefined;
  /** Bytes of memory and swap together; -1 for no limit. Without swap accounting it is passed over. */
  readonly swapLimit?: number | undefined;
  /** Such as `0-3,5`. */
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  /** Limit in bytes by page size, such as `2MB`. */
  readonly hugepages?: Readonly<Record<string, number>> | undefined;
  /** Values by file name for the version 2 tree, written last. */
  readonly unified?: Readonly<Record<string, string>> | undefined;
}

class Writer {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The directory in the tree of a controller, and whether that is the version 2 tree. */
  locate(controller: string): { readonly directory: string; readonly unified: boolean } {
    const hierarchy = findHierarchy(controller);
    if (hierarchy === undefined) {
      const why = `no cgroup tree has the controller "${controller}"`;
      throw new StatusError(Code.FailedPrecondition, `limiting cgroup "${this.path}": ${why}`);
    }
    return { directory: cgroupDirectory(hierarchy, this.path), unified: hierarchy.unified };
  }

  async write(file: string, value: number | string): Promise<void> {
    try {
      await writeFile(file, String(value), { flag: "r+" });
    } catch (error) {
      throw StatusError.from(error, `writing "${value}" to "${file}"`);
    }
  }

  /** Writes two values that the kernel checks against each other: in the other order when this one is refused. */
  async writePair(first: readonly [string, number], second: readonly [string, number]): Promise<void> {
    try {
      await this.write(...first);
      await this.write(...second);
    } catch (error) {
      if (!["EINVAL", "EBUSY"].includes(errnoName(error) ?? "")) throw error;
      await this.write(...second);
      await this.write(...first);
    }
  }
}

/** The weight of version 2 for the shares of version 1, so that 2, 1024 and 262144 become 1, 100 and 10000. */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const power = Math.log2(shares);
  return Math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34));
}

const maxOr = (value: number): number | string => (value < 0 ? "max" : value);

async function applyCpu(writer: Writer, resources: CgroupResources): Promise<void> {
  const { cpuShares = 0, cpuQuota = 0, cpuPeriod = 0 } = resources;
  if (cpuShares === 0 && cpuQuota === 0 && cpuPeriod === 0) return;
  const { directory, unified } = writer.locate("cpu");
  if (cpuShares !== 0) {
    if (unified) await writer.write(`${directory}/cpu.weight`, cpuWeight(cpuShares));
    else await writer.write(`${directory}/cpu.shares`, cpuShares);
  }
  if (cpuQuota === 0 && cpuPeriod === 0) return;
  if (unified) {
    // A quota alone keeps the period; a period alone means no quota.
    const quota = cpuQuota > 0 ? String(cpuQuota) : "max";
    await writer.write(`${directory}/cpu.max`, cpuPeriod === 0 ? quota : `${quota} ${cpuPeriod}`);
    return;
  }
  const period = [`${directory}/cpu.cfs_period_us`, cpuPeriod] as const;
  const quota = [`${directory}/cpu.cfs_quota_us`, cpuQuota] as const;
  if (cpuQuota === 0) await writer.write(...period);
  else if (cpuPeriod === 0) await writer.write(...quota);
  else await writer.writePair(period, quota);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function applyMemory(writer: Writer, { memoryLimit = 0, swapLimit = 0 }: CgroupResources): Promise<void> {
  if (memoryLimit === 0 && swapLimit === 0) return;
  const { directory, unified } = writer.locate("memory");
  const swapFile = `${directory}/${unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes"}`;
  const limitsSwap = swapLimit !== 0 && (await exists(swapFile));
  if (unified) {
    if (memoryLimit !== 0) await writer.write(`${directory}/memory.max`, maxOr(memoryLimit));
    // Version 2 counts swap alone.
    const swap = swapLimit < 0 || memoryLimit < 0 ? -1 : Math.max(0, swapLimit - memoryLimit);
    if (limitsSwap) await writer.write(swapFile, maxOr(swap));
    return;
  }
  const memory = [`${directory}/memory.limit_in_bytes`, memoryLimit] as const;
  if (!limitsSwap) return writer.write(...memory);
  if (memoryLimit === 0) return writer.write(swapFile, swapLimit);
  return writer.writePair(memory, [swapFile, swapLimit]);
}

async function applyCpuset(writer: Writer, { cpusetCpus = "", cpusetMems = "" }: CgroupResources): Promise<void> {
  if (cpusetCpus === "" && cpusetMems === "") return;
  const { directory } = writer.locate("cpuset");
  if (cpusetCpus !== "") await writer.write(`${directory}/cpuset.cpus`, cpusetCpus);
  if (cpusetMems !== "") await writer.write(`${directory}/cpuset.mems`, cpusetMems);
}

async function applyHugepages(writer: Writer, hugepages: Readonly<Record<string, number>>): Promise<void> {
  for (const [size, limit] of Object.entries(hugepages)) {
    checkName(size);
    const { directory, unified } = writer.locate("hugetlb");
    await writer.write(
      `${directory}/hugetlb.${size}.${unified ? "max" : "limit_in_bytes"}`,
      unified ? maxOr(limit) : limit,
    );
  }
}

async function applyUnified(writer: Writer, values: Readonly<Record<string, string>>): Promise<void> {
  const tree = cgroupLayout().hierarchies.find(({ unified }) => unified);
  for (const [name, value] of Object.entries(values)) {
    checkName(name);
    if (tree === undefined)
      throw new StatusError(Code.FailedPrecondition, `setting "${name}": no version 2 cgroup tree`);
    await writer.write(`${cgroupDirectory(tree, writer.path)}/${name}`, value);
  }
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9_.-]+$/.test(name) && !name.includes("..")) return;
  throw new StatusError(Code.InvalidArgument, `limiting a cgroup: "${name}" is not a name`);
}

/**
 * Sets limits of an existing cgroup, in whichever tree has the controller. Idempotent. FailedPrecondition when no tree has
 * it; what was written before a failure stays.
 */
export async function applyCgroupResources(path: string, resources: CgroupResources): Promise<void> {
  const writer = new Writer(path);
  await applyCpu(writer, resources);
  await applyMemory(writer, resources);
  await applyCpuset(writer, resources);
  await applyHugepages(writer, resources.hugepages ?? {});
  await applyUnified(writer, resources.unified ?? {});
}
