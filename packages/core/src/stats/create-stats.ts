import { dirname } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { cgroupLimits, cgroupPressure, type CgroupStats, cgroupStats, interfaceStats } from "@crib/linux";

import type { ContainerRecord } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { cgroupDirectoryOf } from "./cgroup-directory.ts";
import { CpuRates } from "./rates.ts";
import type { ContainerUsage, CpuUsage, MemoryUsage, PodUsage, Stats, UsageDetails } from "./types.ts";
import { usageDetails } from "./usage-details.ts";
import { WritableLayers, type WritableLayersOptions } from "./writable-layers.ts";

/** What `createStats` is given. */
export interface StatsOptions extends WritableLayersOptions {
  readonly cgroupDriver: "cgroupfs" | "systemd";
}

/** Reads usage from cgroups, network namespaces and snapshots. */
export function createStats(options: StatsOptions): Stats {
  return new StatsOfHost(options);
}

class StatsOfHost implements Stats {
  readonly #options: StatsOptions;
  readonly #rates = new CpuRates();
  readonly #layers: WritableLayers;

  constructor(options: StatsOptions) {
    this.#options = options;
    this.#layers = new WritableLayers(options);
  }

  async container(record: ContainerRecord, signal: AbortSignal): Promise<ContainerUsage> {
    signal.throwIfAborted();
    const { id, plan, state } = record;
    if (state === "creating" || state === "removing") {
      throw new StatusError(
        Code.NotFound,
        `container "${id}": it is being ${state === "creating" ? "made" : "removed"}`,
      );
    }
    const [writableLayer, running] = await Promise.all([
      this.#layers.get(plan.snapshotKey),
      state === "running" ? this.#running(id, cgroupDirectoryOf(plan.cgroupPath)) : undefined,
    ]);
    return { timestamp: new Date(), ...running, ...(writableLayer && { writableLayer }) };
  }

  async pod({ id, plan, state }: SandboxRecord, signal: AbortSignal): Promise<PodUsage> {
    signal.throwIfAborted();
    if (state !== "ready") throw new StatusError(Code.Unavailable, `sandbox "${id}": it is not ready`);
    const cgroup = this.#podCgroup(plan.cgroupPath);
    const netns = plan.namespaces.net;
    const [stats, pressure] = await Promise.all([cgroupStats(cgroup), readPressure(cgroup)]);
    return {
      ...this.#usage(`pod ${id}`, stats),
      ...(pressure && { pressure }),
      ...(stats.pids !== undefined && { processCount: stats.pids }),
      ...(netns !== undefined && { network: readNetwork(netns) }),
    };
  }

  async details(record: ContainerRecord, signal: AbortSignal): Promise<UsageDetails> {
    signal.throwIfAborted();
    return await usageDetails(record, this.#options.rootDir);
  }

  async #running(id: string, cgroup: string): Promise<Omit<ContainerUsage, "writableLayer">> {
    const [stats, limits, pressure] = await Promise.all([
      cgroupStats(cgroup),
      cgroupLimits(cgroup),
      readPressure(cgroup),
    ]);
    const { swapUsageBytes, swapBytes } = limits;
    return {
      ...this.#usage(id, stats),
      ...(swapUsageBytes !== undefined && {
        swap: {
          usageBytes: swapUsageBytes,
          ...(swapBytes !== undefined && {
            availableBytes: swapBytes > swapUsageBytes ? swapBytes - swapUsageBytes : 0n,
          }),
        },
      }),
      ...(stats.pids !== undefined && {
        pids: { current: stats.pids, ...(limits.pids !== undefined && { limit: limits.pids }) },
      }),
      ...(pressure && { pressure }),
    };
  }

  #usage(key: string, stats: CgroupStats): { timestamp: Date; cpu?: CpuUsage; memory?: MemoryUsage } {
    const { timestampNanos, cpuUsageNanos, memory } = stats;
    const rate = cpuUsageNanos === undefined ? undefined : this.#rates.add(key, cpuUsageNanos, timestampNanos);
    return {
      timestamp: new Date(Number(timestampNanos / 1_000_000n)),
      ...(cpuUsageNanos !== undefined && {
        cpu: { usageNanos: cpuUsageNanos, ...(rate !== undefined && { usageNanoCores: rate }) },
      }),
      ...(memory && { memory: memoryUsage(memory) }),
    };
  }

  /** All of a pod is below its own cgroup; systemd's scopes are beside it, in the pod's slice. */
  #podCgroup(cgroupPath: string): string {
    return this.#options.cgroupDriver === "systemd" ? dirname(cgroupPath) : cgroupPath;
  }
}

function memoryUsage(memory: NonNullable<CgroupStats["memory"]>): MemoryUsage {
  const { availableBytes, ...rest } = memory;
  return { ...rest, ...(availableBytes !== undefined && { availableBytes }) };
}

async function readPressure(cgroup: string): Promise<ContainerUsage["pressure"]> {
  const [cpu, memory, io] = await Promise.all([
    cgroupPressure(cgroup, "cpu"),
    cgroupPressure(cgroup, "memory"),
    cgroupPressure(cgroup, "io"),
  ]);
  if (!cpu && !memory && !io) return undefined;
  return { ...(cpu && { cpu }), ...(memory && { memory }), ...(io && { io }) };
}

function readNetwork(netns: string): NonNullable<PodUsage["network"]> {
  const interfaces = interfaceStats(netns).filter(({ name }) => name !== "lo");
  const first = interfaces.some(({ name }) => name === "eth0") ? "eth0" : (interfaces[0]?.name ?? "");
  return { defaultInterface: first, interfaces };
}
