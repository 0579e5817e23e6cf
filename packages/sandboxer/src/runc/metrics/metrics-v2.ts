import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { cgroupsV2 } from "@crib/wire/cgroups";

import type { CgroupSource } from "./cgroup-source.ts";
import { fillMessage } from "./fill-message.ts";
import { parseKeyed, parseNumber } from "./parse-numbers.ts";

/** How the message says that there is no limit. */
const noLimit = 2n ** 64n - 1n;

/** What containerd's shim answers where there is the unified tree alone (`io.containerd.cgroups.v2.Metrics`). */
export async function metricsV2(source: CgroupSource): Promise<cgroupsV2.Metrics> {
  const [cpu, memory, pids, io, hugepages] = await Promise.all([
    readCpu(source),
    readMemory(source),
    readPids(source),
    readIo(source),
    source.hugepages(),
  ]);
  return create(cgroupsV2.MetricsSchema, {
    ...(cpu && { cpu }),
    ...(pids && { pids }),
    ...(io && { io }),
    ...memory,
    hugetlb: hugepages.map(({ pageSize, usageBytes }) => ({ pagesize: pageSize, current: usageBytes })),
  });
}

async function readCpu(source: CgroupSource): Promise<MessageInitShape<typeof cgroupsV2.CPUStatSchema> | undefined> {
  const [stat, psi] = await Promise.all([source.read("cpu", "cpu.stat"), readPressure(source, "cpu")]);
  if (stat === undefined) return undefined;
  return { ...fillMessage(cgroupsV2.CPUStatSchema, parseKeyed(stat)), ...(psi && { psi }) };
}

async function readMemory(
  source: CgroupSource,
): Promise<Pick<MessageInitShape<typeof cgroupsV2.MetricsSchema>, "memory" | "memoryEvents">> {
  const read = (file: string): Promise<string | undefined> => source.read("memory", `memory.${file}`);
  const [stat, events, usage, limit, peak, swapUsage, swapLimit, psi] = await Promise.all([
    read("stat"),
    read("events"),
    read("current"),
    read("max"),
    read("peak"),
    read("swap.current"),
    read("swap.max"),
    readPressure(source, "memory"),
  ]);
  if (stat === undefined) return {};
  return {
    memory: {
      ...fillMessage(cgroupsV2.MemoryStatSchema, parseKeyed(stat)),
      usage: parseNumber(usage),
      usageLimit: parseNumber(limit, noLimit),
      maxUsage: parseNumber(peak),
      swapUsage: parseNumber(swapUsage),
      swapLimit: parseNumber(swapLimit, noLimit),
      ...(psi && { psi }),
    },
    memoryEvents: fillMessage(cgroupsV2.MemoryEventsSchema, parseKeyed(events)),
  };
}

async function readPids(source: CgroupSource): Promise<MessageInitShape<typeof cgroupsV2.PidsStatSchema> | undefined> {
  const [current, limit] = await Promise.all([source.read("pids", "pids.current"), source.read("pids", "pids.max")]);
  return current === undefined ? undefined : { current: parseNumber(current), limit: parseNumber(limit) };
}

async function readIo(source: CgroupSource): Promise<MessageInitShape<typeof cgroupsV2.IOStatSchema> | undefined> {
  const [stat, psi] = await Promise.all([source.read("io", "io.stat"), readPressure(source, "io")]);
  return stat === undefined ? undefined : { usage: parseIo(stat), ...(psi && { psi }) };
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...`. */
function parseIo(text: string): MessageInitShape<typeof cgroupsV2.IOEntrySchema>[] {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].map(([, major, minor, rest = ""]) => ({
    ...fillMessage(cgroupsV2.IOEntrySchema, parseKeyed(rest.replaceAll(" ", "\n").replaceAll("=", " "))),
    major: BigInt(major ?? 0),
    minor: BigInt(minor ?? 0),
  }));
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`. Undefined where the kernel does not count it. */
async function readPressure(
  source: CgroupSource,
  resource: "cpu" | "memory" | "io",
): Promise<MessageInitShape<typeof cgroupsV2.PSIStatsSchema> | undefined> {
  const text = await source.read(resource, `${resource}.pressure`);
  if (text === undefined) return undefined;
  const lines = text.matchAll(/^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, name = "", avg10, avg60, avg300, total]) => {
      const line = { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), total: BigInt(total ?? 0) };
      return [name, line];
    }),
  );
}
