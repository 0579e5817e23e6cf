import type { Percentiles } from "../support/percentiles.ts";
import { type LifeCall, type LifeFigures, lifeCalls } from "./measure-life.ts";
import type { ListFigures } from "./measure-lists.ts";
import type { LogFigures } from "./measure-logs.ts";
import type { MemoryFigures } from "./measure-memory.ts";

/** What crib promises: its p50 over containerd's, at most. */
const lifeTargets: Partial<Record<LifeCall, number>> = {
  "pod to running process": 0.6,
  StartContainer: 0.9,
  "StartContainer, first of a pod": 0.9,
  "ExecSync true": 1,
};
const listTarget = { containers: 300, ratio: 1 } as const;
/** By bytes of a line: times containerd's rate, or megabytes per second. */
const logTargets: Readonly<Record<number, { readonly ratio?: number; readonly rate?: number }>> = {
  100: { ratio: 1 },
  16_384: { rate: 100 },
};
const versionTargetMs = 50;

const head = "crib p50 / p90 / p99 | containerd p50 / p90 / p99 | ratio p50 | target |";

/** A Markdown table of the calls of a container's life, in milliseconds. */
export function lifeTable(figures: readonly LifeFigures[]): string {
  const rows = [`| ms | ${head}`, "|---|---:|---:|---:|---|"];
  const { own, other } = sides(figures);
  for (const call of lifeCalls)
    rows.push(`| ${call} | ${compare(own?.times[call], other?.times[call], lifeTargets[call])} |`);
  return rows.join("\n");
}

/** A Markdown table of lists and status, in milliseconds. */
export function listTable(figures: readonly ListFigures[]): string {
  const rows = [`| ms | containers | ${head}`, "|---|---:|---:|---:|---:|---|"];
  for (const { call, containers, times } of figures.filter(({ runtime }) => runtime === "crib")) {
    const other = figures.find((one) => one.runtime !== "crib" && one.call === call && one.containers === containers);
    const target = containers === listTarget.containers ? listTarget.ratio : undefined;
    rows.push(`| ${call} | ${containers} | ${compare(times, other?.times, target, 2)} |`);
  }
  return rows.join("\n");
}

/** A Markdown table of log throughput, and what it costs others. */
export function logTable(figures: readonly LogFigures[]): string {
  const rows = [
    "| bytes of a line | crib MB/s p50 | containerd MB/s p50 | ratio | target | Version p50 / p99 / max ms, crib | containerd | target |",
    "|---:|---:|---:|---:|---|---:|---:|---|",
  ];
  for (const own of figures.filter(({ runtime }) => runtime === "crib")) {
    const other = figures.find(({ runtime, lineBytes }) => runtime !== "crib" && lineBytes === own.lineBytes);
    const rate = own.megabytesPerSecond.p50;
    const ratio = other ? rate / other.megabytesPerSecond.p50 : undefined;
    const target = logTargets[own.lineBytes];
    const version = ({ p50, p99, max }: Percentiles): string => [p50, p99, max].map((ms) => ms.toFixed(1)).join(" / ");
    const cells = [
      own.lineBytes,
      rate.toFixed(0),
      other?.megabytesPerSecond.p50.toFixed(0) ?? "-",
      ratio?.toFixed(2) ?? "-",
      target?.rate !== undefined
        ? verdict(rate >= target.rate, `>= ${target.rate} MB/s`)
        : verdict((ratio ?? 1) >= (target?.ratio ?? 0), `>= ${target?.ratio ?? 0}`),
      version(own.versionMs),
      other ? version(other.versionMs) : "-",
      verdict(own.versionMs.p99 < versionTargetMs, `p99 < ${versionTargetMs}`),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

/** A Markdown table of the daemons' memory. */
export function memoryTable(figures: readonly MemoryFigures[]): string {
  const rows = ["| pods | crib VmRSS MiB | containerd VmRSS MiB |", "|---:|---:|---:|"];
  for (const { pods, daemonMiB } of figures.filter(({ runtime }) => runtime === "crib")) {
    const other = figures.find((entry) => entry.runtime !== "crib" && entry.pods === pods);
    rows.push(`| ${pods} | ${daemonMiB.toFixed(0)} | ${other?.daemonMiB.toFixed(0) ?? "-"} |`);
  }
  return rows.join("\n");
}

function sides<T extends { readonly runtime: string }>(
  figures: readonly T[],
): { readonly own: T | undefined; readonly other: T | undefined } {
  return {
    own: figures.find(({ runtime }) => runtime === "crib"),
    other: figures.find(({ runtime }) => runtime !== "crib"),
  };
}

function compare(
  own: Percentiles | undefined,
  other: Percentiles | undefined,
  target: number | undefined,
  digits = 1,
): string {
  const both = [own, other].map((side) =>
    side ? [side.p50, side.p90, side.p99].map((ms) => ms.toFixed(digits)).join(" / ") : "-",
  );
  const ratio = own && other ? own.p50 / other.p50 : undefined;
  const promised = target === undefined || ratio === undefined ? "" : verdict(ratio <= target, `<= ${target}`);
  return [...both, ratio?.toFixed(2) ?? "-", promised].join(" | ");
}

function verdict(isMet: boolean, target: string): string {
  return `${target} ${isMet ? "met" : "**missed**"}`;
}
