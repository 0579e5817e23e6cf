import type { CycleFigures } from "./measure-cycles.ts";
import type { HeldFigures } from "./measure-held.ts";

const calls = ["run", "stop", "remove", "cycle"] as const;

/** A Markdown table of the cycles; each ratio is crib's p50 over containerd's from the same run. */
export function cycleTable(figures: readonly CycleFigures[]): string {
  const rows = [
    "| pid | parallel | call | crib p50 / p90 / p99 ms | containerd p50 / p90 / p99 ms | ratio p50 |",
    "|---|---:|---|---:|---:|---:|",
  ];
  for (const own of figures.filter(({ runtime }) => runtime === "crib")) {
    const other = figures.find(
      (entry) => entry.runtime !== "crib" && entry.pid === own.pid && entry.parallelism === own.parallelism,
    );
    for (const call of calls) {
      const cells = [own, other].map((entry) =>
        entry ? [entry[call].p50, entry[call].p90, entry[call].p99].map(ms).join(" / ") : "-",
      );
      rows.push(
        `| ${own.pid} | ${own.parallelism} | ${call} | ${cells.join(" | ")} | ${other ? (own[call].p50 / other[call].p50).toFixed(2) : "-"} |`,
      );
    }
    const rate = [own, other].map((entry) => (entry ? entry.cyclesPerSecond.toFixed(2) : "-"));
    rows.push(
      `| ${own.pid} | ${own.parallelism} | cycles/s | ${rate.join(" | ")} | ${other ? (own.cyclesPerSecond / other.cyclesPerSecond).toFixed(2) : "-"} |`,
    );
  }
  return rows.join("\n");
}

/** A Markdown table of what held pods cost. */
export function heldTable(figures: readonly HeldFigures[]): string {
  const rows = [
    "| runtime | pid | pods held | daemon VmRSS MiB | RunPodSandbox p50 ms | ready after SIGKILL ms |",
    "|---|---|---:|---:|---:|---:|",
  ];
  for (const { runtime, pid, pods, daemonMiB, run, restartMs } of figures) {
    rows.push(
      `| ${runtime} | ${pid} | ${pods} | ${daemonMiB.toFixed(0)} | ${ms(run.p50)} | ${restartMs === undefined ? "" : ms(restartMs)} |`,
    );
  }
  return rows.join("\n");
}

function ms(value: number): string {
  return value.toFixed(1);
}
