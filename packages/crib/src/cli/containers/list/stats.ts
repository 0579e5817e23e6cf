import { setTimeout as delay } from "node:timers/promises";

import type { CriClient } from "@crib/cri-client";
import type { PodSandboxStats } from "@crib/wire/cri";

import { withClient } from "../../endpoint.ts";
import { drawTable } from "../../images/draw-table.ts";
import { formatBytes } from "../../images/format-size.ts";
import { escapeControls, printJson } from "../../print-json.ts";
import { podPath } from "../find-container.ts";
import { takeEndSignals } from "../streams/end-signals.ts";
import { type ContainerUsage, usageBetween } from "./container-usage.ts";
import type { ListOptions } from "./list-options.ts";

/** Milliseconds over which CPU time is measured, and between two pictures. */
const sampleMs = 1_000;

/** The flags of `crib stats`. */
export interface StatsOptions extends ListOptions {
  /** Go on until a signal. */
  readonly watch?: true;
}

/** Prints what containers use, once or over and over. */
export async function statsCommand(options: StatsOptions): Promise<void> {
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    let before = await sample(client);
    do {
      if (!(await pause(signals.first))) break;
      const now = await sample(client);
      show(usageBetween(before, now), options);
      before = now;
    } while (options.watch && !process.stdout.destroyed);
  });
}

/** The table of `crib stats`. The network is the pod's, and shown with its first container. */
export function drawUsage(usages: readonly ContainerUsage[]): readonly string[] {
  const rows = usages.map((usage, index) => {
    const { pod, name, cpuPercent, memoryBytes, diskBytes, network } = usage;
    const isFirst = usages[index - 1]?.pod.id !== pod.id;
    return [
      isFirst ? podPath(pod) : "",
      name,
      cpuPercent === undefined ? "-" : `${cpuPercent.toFixed(1)}%`,
      bytes(memoryBytes),
      isFirst && network ? `${bytes(network.rxBytes)} / ${bytes(network.txBytes)}` : isFirst ? "-" : "",
      bytes(diskBytes),
    ];
  });
  return drawTable([["POD", "CONTAINER", "CPU", "MEMORY", "NET IN / OUT", "DISK"], ...rows]).map(escapeControls);
}

function bytes(count: bigint | undefined): string {
  return count === undefined ? "-" : formatBytes(count);
}

function show(usages: readonly ContainerUsage[], { format, watch }: StatsOptions): void {
  if (format === "json") return printJson(usages.map(toJson));
  const lines = drawUsage(usages).map((line) => `${line}\n`);
  // Home, then each line anew (ECMA-48: CUP, EL, ED).
  if (watch && process.stdout.isTTY) {
    process.stdout.write(`\u001b[H${lines.map((line) => line.replace("\n", "\u001b[K\n")).join("")}\u001b[J`);
  } else process.stdout.write(lines.join(""));
}

async function sample({ runtime }: CriClient): Promise<readonly PodSandboxStats[]> {
  return (await runtime.listPodSandboxStats({})).stats;
}

async function pause(signal: AbortSignal): Promise<boolean> {
  return await delay(sampleMs, true, { signal }).catch(() => false);
}

function toJson({ id, name, pod, cpuPercent, memoryBytes, diskBytes, network }: ContainerUsage): unknown {
  const number = (value: bigint | undefined): number | null => (value === undefined ? null : Number(value));
  return {
    id,
    name,
    pod,
    cpuPercent: cpuPercent ?? null,
    memoryBytes: number(memoryBytes),
    diskBytes: number(diskBytes),
    network: network ? { rxBytes: number(network.rxBytes), txBytes: number(network.txBytes) } : null,
  };
}
