import { dirname } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import {
  type CgroupLimits,
  cgroupLimits,
  cgroupPressure,
  type CgroupStats,
  cgroupStats,
  interfaceStats,
} from "@crib/linux";
import type { SandboxMetrics } from "@crib/sandboxer";

import type { ContainerRecord } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import type { TaskServices } from "../tasks/types.ts";
import { type PodStats, withBoundary } from "./boundary-stats.ts";
import { cgroupDirectoryOf } from "./cgroup-directory.ts";
import { CpuRates } from "./rates.ts";
import { readTaskMetrics, type TaskMetrics } from "./task-metrics.ts";
import type { ContainerUsage, CpuUsage, MemoryUsage, PodUsage, Stats, UsageDetails } from "./types.ts";
import { usageDetails } from "./usage-details.ts";
import { WritableLayers, type WritableLayersOptions } from "./writable-layers.ts";

/** What `createStats` is given. */
export interface StatsOptions extends WritableLayersOptions {
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** Asked for usage of containers whose processes, and so whose cgroups, are not on this host. Default: they have none. */
  readonly taskServices?: Pick<TaskServices, "of">;
  /** What a pod's controller measures of it, which goes before what its cgroup of this host tells. Default: nothing. */
  readonly podMetrics?: (sandboxId: string, signal: AbortSignal) => Promise<SandboxMetrics | undefined>;
}

/** Milliseconds that a task service has to tell of a container: lists ask for all of them. */
const askMs = 2_000;

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
      state === "running" ? this.#running(record, signal) : undefined,
    ]);
    return { timestamp: new Date(), ...running, ...(writableLayer && { writableLayer }) };
  }

  async pod({ id, plan, state }: SandboxRecord, signal: AbortSignal): Promise<PodUsage> {
    signal.throwIfAborted();
    if (state !== "ready") throw new StatusError(Code.Unavailable, `sandbox "${id}": it is not ready`);
    const cgroup = this.#podCgroup(plan.cgroupPath);
    const netns = plan.namespaces.net;
    const [ofCgroup, pressure, measured] = await Promise.all([
      cgroupStats(cgroup),
      readPressure(cgroup),
      this.#options.podMetrics?.(id, signal),
    ]);
    const stats = withBoundary(ofCgroup, measured);
    return {
      ...this.#usage(`pod ${id}`, stats),
      ...(pressure && { pressure }),
      ...(stats.pids !== undefined && { processCount: stats.pids }),
      ...(netns !== undefined && { network: readNetwork(netns) }),
    };
  }

  async details(record: ContainerRecord, signal: AbortSignal): Promise<UsageDetails> {
    signal.throwIfAborted();
    return await usageDetails(record, this.#options.rootDir, await this.#askTask(record, signal));
  }

  async #running(record: ContainerRecord, signal: AbortSignal): Promise<Omit<ContainerUsage, "writableLayer">> {
    const cgroup = cgroupDirectoryOf(record.plan.cgroupPath);
    const [stats, limits, pressure] = await Promise.all([
      cgroupStats(cgroup),
      cgroupLimits(cgroup),
      readPressure(cgroup),
    ]);
    const isHere = stats.cpuUsageNanos !== undefined || stats.memory !== undefined;
    const asked = isHere ? undefined : await this.#askTask(record, signal);
    const known = asked?.stats ?? stats;
    return {
      ...this.#usage(record.id, known),
      ...limitedUsage(asked?.limits ?? limits, known),
      ...(pressure && { pressure }),
    };
  }

  /** Undefined for one whose cgroup is on this host, and where the task service does not tell. */
  async #askTask({ id, plan, state, facts }: ContainerRecord, signal: AbortSignal): Promise<TaskMetrics | undefined> {
    const { taskServices } = this.#options;
    if (taskServices === undefined || facts.process !== undefined || state !== "running") return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
    try {
      const { tasks } = await taskServices.of(plan.sandboxId, limit);
      const { stats } = await tasks.stats(id, limit, { timeoutMs: askMs });
      return stats && readTaskMetrics(stats, BigInt(Date.now()) * 1_000_000n);
    } catch (error) {
      signal.throwIfAborted();
      if (hasCode(error, Code.NotFound)) throw error;
      return undefined; // figures are missing; whether it lives is told elsewhere
    }
  }

  #usage(key: string, stats: PodStats): { timestamp: Date; cpu?: CpuUsage; memory?: MemoryUsage } {
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

function memoryUsage(memory: NonNullable<PodStats["memory"]>): MemoryUsage {
  const { availableBytes, ...rest } = memory;
  return { ...rest, ...(availableBytes !== undefined && { availableBytes }) };
}

function limitedUsage(
  { swapUsageBytes, swapBytes, pids }: Pick<CgroupLimits, "swapUsageBytes" | "swapBytes" | "pids">,
  stats: CgroupStats,
): Pick<ContainerUsage, "swap" | "pids"> {
  const availableBytes =
    swapBytes !== undefined && swapUsageBytes !== undefined ? swapBytes - swapUsageBytes : undefined;
  return {
    ...(swapUsageBytes !== undefined && {
      swap: {
        usageBytes: swapUsageBytes,
        ...(availableBytes !== undefined && { availableBytes: availableBytes > 0n ? availableBytes : 0n }),
      },
    }),
    ...(stats.pids !== undefined && {
      pids: { current: stats.pids, ...(pids !== undefined && { limit: pids }) },
    }),
  };
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
