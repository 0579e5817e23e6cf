import type { Percentiles } from "../support/percentiles.ts";
import type { PullFigures } from "./measure-pulls.ts";
import type { Responsiveness } from "./measure-responsiveness.ts";

/** What crib promises. */
const targets = { time: 0.9, growthMiB: 128, loopP99Ms: 50 } as const;

/** A Markdown table of crib's figures over containerd's from the same run, beside what is promised. */
export function ratioTable(figures: readonly PullFigures[]): string {
  const rows = [
    `| image | pull p50 (target ${targets.time}) | pull p90 | processor time p50 | peak memory p50 | remove p50 | memory growth MiB, most (target ${targets.growthMiB}) |`,
    "|---|---:|---:|---:|---:|---:|---:|",
  ];
  for (const own of figures.filter(({ runtime }) => runtime === "crib")) {
    const other = figures.find(({ runtime, image }) => runtime !== "crib" && image === own.image);
    if (!other) continue;
    const ratio = (figure: "pullMs" | "processorMs" | "peakMiB" | "removeMs", rank: "p50" | "p90"): string =>
      (own[figure][rank] / other[figure][rank]).toFixed(2);
    const cells = [
      mark(own.pullMs.p50 / other.pullMs.p50, targets.time, 2),
      ratio("pullMs", "p90"),
      ratio("processorMs", "p50"),
      ratio("peakMiB", "p50"),
      ratio("removeMs", "p50"),
      mark(own.growthMiB.max, targets.growthMiB, 0),
    ];
    rows.push(`| ${own.image} | ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

/** A Markdown table of what was measured, which holds for this machine only. */
export function figureTable(figures: readonly PullFigures[]): string {
  const rows = [
    "| image | runtime | samples | pull p50 / p90 ms | processor p50 / p90 ms | memory peak / growth p50 MiB | growth most MiB | remove p50 / p90 ms | left on disk most MiB |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
  ];
  const both = ({ p50, p90 }: Percentiles): string => `${p50.toFixed(0)} / ${p90.toFixed(0)}`;
  for (const { image, runtime, pullMs, processorMs, peakMiB, growthMiB, removeMs, leftMiB } of figures) {
    const cells = [
      image,
      runtime,
      pullMs.count,
      both(pullMs),
      both(processorMs),
      `${peakMiB.p50.toFixed(0)} / ${growthMiB.p50.toFixed(0)}`,
      growthMiB.max.toFixed(0),
      both(removeMs),
      leftMiB.max.toFixed(1),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

/** A Markdown table of how the daemons answered while they pulled. */
export function responsivenessTable(figures: readonly Responsiveness[]): string {
  const rows = [
    `| image | runtime | Version p50 / p99 / max ms | event loop late p99 (target ${targets.loopP99Ms}) / max ms |`,
    "|---|---|---:|---:|",
  ];
  for (const { image, runtime, versionMs, loop } of figures) {
    const version = [versionMs.p50, versionMs.p99, versionMs.max].map((value) => value.toFixed(1)).join(" / ");
    const late = loop ? `${mark(loop.p99Ms, targets.loopP99Ms, 1)} / ${loop.maxMs.toFixed(1)}` : "";
    rows.push(`| ${image} | ${runtime} | ${version} | ${late} |`);
  }
  return rows.join("\n");
}

/** The value, with a word where the promise is not kept. */
function mark(value: number, most: number, digits: number): string {
  return `${value.toFixed(digits)}${value > most ? " (missed)" : ""}`;
}
