import type { MemoryFigures } from "./measure-memory.ts";
import { podCalls, type PodFigures } from "./measure-pods.ts";

/** The controller that all are measured by. */
const measure = "containerd";

/** A Markdown table of milliseconds: a row for each call, a column for each controller, with the ratio of its p50 to containerd's. */
export function podTable(figures: readonly PodFigures[]): string {
  const base = figures.find(({ controller }) => controller === measure);
  const rows = [
    `| p50 / p95 ms (ratio p50) | ${figures.map(({ controller }) => controller).join(" | ")} |`,
    `|---|${figures.map(() => "---:|").join("")}`,
  ];
  for (const call of podCalls) {
    const cells = figures.map(({ controller, times }) => {
      const { p50, p95 } = times[call];
      return `${p50.toFixed(1)} / ${p95.toFixed(1)}${ofBase(controller, p50, base?.times[call].p50)}`;
    });
    rows.push(`| ${call} | ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

/** The same with nothing but ratios, for documents. */
export function ratioTable(figures: readonly PodFigures[]): string {
  const base = figures.find(({ controller }) => controller === measure);
  const others = figures.filter((entry) => entry !== base);
  const rows = [
    `| p50 over containerd's | ${others.map(({ controller }) => controller).join(" | ")} |`,
    `|---|${others.map(() => "---:|").join("")}`,
  ];
  for (const call of podCalls) {
    const cells = others.map(({ times }) => (times[call].p50 / (base?.times[call].p50 ?? Number.NaN)).toFixed(2));
    rows.push(`| ${call} | ${cells.join(" | ")} |`);
  }
  return rows.join("\n");
}

/** A Markdown table of what controllers need besides the daemon. */
export function memoryTable(figures: readonly MemoryFigures[]): string {
  const base = figures.find(({ controller }) => controller === measure);
  const rows = [
    "| controller | processes of each pod | shared by all | RSS of each pod, MiB | PSS of each pod, MiB (ratio) |",
    "|---|---:|---:|---:|---:|",
  ];
  for (const { controller, ownProcesses, sharedProcesses, residentMiB, proportionalMiB } of figures) {
    const ratio = ofBase(controller, proportionalMiB, base?.proportionalMiB);
    rows.push(
      `| ${controller} | ${ownProcesses} | ${sharedProcesses} | ${residentMiB.toFixed(1)} | ${proportionalMiB.toFixed(1)}${ratio} |`,
    );
  }
  return rows.join("\n");
}

function ofBase(controller: string, value: number, base: number | undefined): string {
  return controller === measure || base === undefined ? "" : ` (${(value / base).toFixed(2)})`;
}
