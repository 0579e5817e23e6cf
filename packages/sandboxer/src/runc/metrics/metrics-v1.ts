import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { cgroupsV1 } from "@crib/wire/cgroups";

import type { CgroupSource } from "./cgroup-source.ts";
import { fillMessage } from "./fill-message.ts";
import { parseKeyed, parseNumber, parseNumbers } from "./parse-numbers.ts";

/** What containerd's shim answers where cgroups are of version 1 (`io.containerd.cgroups.v1.Metrics`). Nothing for a missing controller. */
export async function metricsV1(source: CgroupSource): Promise<cgroupsV1.Metrics> {
  const [cpu, memory, pids, blkio, hugetlb] = await Promise.all([
    readCpu(source),
    readMemory(source),
    readPids(source),
    readBlkio(source),
    source.hugepages(),
  ]);
  return create(cgroupsV1.MetricsSchema, {
    ...(cpu && { cpu }),
    ...(pids && { pids }),
    ...(blkio && { blkio }),
    ...memory,
    hugetlb: hugetlb.map(({ pageSize, usageBytes, maxUsageBytes = 0n }) => {
      return { pagesize: pageSize, usage: usageBytes, max: maxUsageBytes };
    }),
  });
}

async function readCpu(source: CgroupSource): Promise<MessageInitShape<typeof cgroupsV1.CPUStatSchema> | undefined> {
  const account = (file: string): Promise<string | undefined> => source.read("cpuacct", file);
  const [total, user, kernel, perCpu, stat] = await Promise.all([
    account("cpuacct.usage"),
    account("cpuacct.usage_user"),
    account("cpuacct.usage_sys"),
    account("cpuacct.usage_percpu"),
    source.read("cpu", "cpu.stat"),
  ]);
  if (total === undefined) return undefined;
  const throttling = parseKeyed(stat);
  return {
    usage: {
      total: parseNumber(total),
      user: parseNumber(user),
      kernel: parseNumber(kernel),
      perCpu: parseNumbers(perCpu),
    },
    throttling: {
      periods: throttling.get("nr_periods") ?? 0n,
      throttledPeriods: throttling.get("nr_throttled") ?? 0n,
      throttledTime: throttling.get("throttled_time") ?? 0n,
    },
  };
}

/** The message puts the words of the kernel's names apart. */
const memoryNames: Readonly<Record<string, string>> = {
  pg_pg_in: "pgpgin",
  pg_pg_out: "pgpgout",
  pg_fault: "pgfault",
  pg_maj_fault: "pgmajfault",
  hierarchical_swap_limit: "hierarchical_memsw_limit",
};

function memoryName(name: string): string {
  const [, total = "", own = ""] = /^(total_)?(.*)$/.exec(name) ?? [];
  return total + (memoryNames[own] ?? own);
}

async function readMemory(
  source: CgroupSource,
): Promise<Pick<MessageInitShape<typeof cgroupsV1.MetricsSchema>, "memory" | "memoryOomControl">> {
  const entry = (prefix: string): Promise<MessageInitShape<typeof cgroupsV1.MemoryEntrySchema>> =>
    readMemoryEntry(source, prefix);
  const [stat, oom, usage, swap, kernel, kernelTcp] = await Promise.all([
    source.read("memory", "memory.stat"),
    source.read("memory", "memory.oom_control"),
    entry("memory"),
    entry("memory.memsw"),
    entry("memory.kmem"),
    entry("memory.kmem.tcp"),
  ]);
  if (stat === undefined) return {};
  const counters = fillMessage(cgroupsV1.MemoryStatSchema, parseKeyed(stat), memoryName);
  return {
    memory: { ...counters, usage, swap, kernel, kernelTcp },
    memoryOomControl: fillMessage(cgroupsV1.MemoryOomControlSchema, parseKeyed(oom)),
  };
}

async function readMemoryEntry(
  source: CgroupSource,
  prefix: string,
): Promise<MessageInitShape<typeof cgroupsV1.MemoryEntrySchema>> {
  const files = ["limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"];
  const texts = await Promise.all(files.map((file) => source.read("memory", `${prefix}.${file}`)));
  const [limit, usage, max, failcnt] = texts.map((text) => parseNumber(text)) as [bigint, bigint, bigint, bigint];
  return { limit, usage, max, failcnt };
}

async function readPids(source: CgroupSource): Promise<MessageInitShape<typeof cgroupsV1.PidsStatSchema> | undefined> {
  const [current, limit] = await Promise.all([source.read("pids", "pids.current"), source.read("pids", "pids.max")]);
  return current === undefined ? undefined : { current: parseNumber(current), limit: parseNumber(limit) };
}

async function readBlkio(
  source: CgroupSource,
): Promise<MessageInitShape<typeof cgroupsV1.BlkIOStatSchema> | undefined> {
  const read = (file: string): Promise<string | undefined> => source.read("blkio", `blkio.throttle.${file}_recursive`);
  const [bytes, operations] = await Promise.all([read("io_service_bytes"), read("io_serviced")]);
  if (bytes === undefined) return undefined;
  return { ioServiceBytesRecursive: parseBlkio(bytes), ioServicedRecursive: parseBlkio(operations) };
}

/** `8:0 Read 1`, and a line with the total of all devices, which is left out. */
function parseBlkio(text: string | undefined): MessageInitShape<typeof cgroupsV1.BlkIOEntrySchema>[] {
  return [...(text ?? "").matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op, value]) => {
    return { op: op ?? "", major: BigInt(major ?? 0), minor: BigInt(minor ?? 0), value: BigInt(value ?? 0) };
  });
}
