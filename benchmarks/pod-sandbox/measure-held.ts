import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { type PidMode, podConfig, podCycle } from "./pod-cycle.ts";

/** Figures of one runtime with a number of pods held. */
export interface HeldFigures {
  readonly runtime: string;
  readonly pid: PidMode;
  readonly pods: number;
  /** VmRSS of the daemon, MiB, `settleMs` after the last call. */
  readonly daemonMiB: number;
  /** RunPodSandbox of one more pod, milliseconds. */
  readonly run: Percentiles;
  /** Milliseconds from start to the list, after SIGKILL; only where asked. */
  readonly restartMs?: number;
}

/** How long to wait before memory is read. */
export interface HeldOptions {
  readonly pid: PidMode;
  readonly levels: readonly number[];
  readonly restartAt: number;
  readonly settleMs: number;
}

/** Holds more and more pods, and measures memory, one more RunPodSandbox, and a restart on the way. Removes all. */
export async function measureHeld(server: ServerProcess, options: HeldOptions): Promise<readonly HeldFigures[]> {
  const held: string[] = [];
  const figures: HeldFigures[] = [];
  try {
    for (const pods of options.levels) {
      while (held.length < pods) {
        const { podSandboxId } = await server.client.runtime.runPodSandbox({ config: podConfig(options.pid) });
        held.push(podSandboxId);
      }
      const runs: number[] = [];
      for (let sample = 0; sample < 15; sample++) runs.push((await podCycle(server.client, options.pid)).run);
      await sleep(options.settleMs);
      const daemonMiB = residentMiB(server.pid);
      const restartMs = pods === options.restartAt ? await server.restart() : undefined;
      figures.push({
        runtime: server.name,
        pid: options.pid,
        pods,
        daemonMiB,
        run: percentiles(runs),
        ...(restartMs === undefined ? {} : { restartMs }),
      });
    }
  } finally {
    for (const podSandboxId of held) {
      await server.client.runtime.stopPodSandbox({ podSandboxId });
      await server.client.runtime.removePodSandbox({ podSandboxId });
    }
  }
  return figures;
}

function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? Number.NaN) / 1024;
}
