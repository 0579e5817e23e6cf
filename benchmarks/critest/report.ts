import type { Percentiles } from "../support/percentiles.ts";
import type { Measurement } from "./measure-runtimes.ts";

/** A Markdown table of all operations, in milliseconds; each ratio is crib's over containerd's from the same run. */
export function benchmarkTable(measurements: readonly Measurement[]): string {
  const rows = [
    "| parallel | operation | crib p50 / p90 / p99 ms | containerd p50 / p90 / p99 ms | ratio p50 |",
    "|---:|---|---:|---:|---:|",
  ];
  const seen = new Set<string>();
  for (const { parallelism, kind, operations } of measurements) {
    const key = `${parallelism} ${kind}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const side = (isCrib: boolean): Measurement | undefined =>
      measurements.find(
        (one) => one.parallelism === parallelism && one.kind === kind && (one.runtime === "crib") === isCrib,
      );
    const [own, other] = [side(true), side(false)];
    const row = (operation: string, cells: string): number => rows.push(`| ${parallelism} | ${operation} | ${cells} |`);
    for (const name of operations.keys()) row(name, compare(own?.operations.get(name), other?.operations.get(name)));
    row(`${kind} cycle`, compare(own?.cycle, other?.cycle));
    const rates = [own?.cyclesPerSecond, other?.cyclesPerSecond];
    row(`${kind} cycles/s`, `${rates.map(fixed).join(" | ")} | ${ratio(rates[0], rates[1])}`);
  }
  return rows.join("\n");
}

function compare(own: Percentiles | undefined, other: Percentiles | undefined): string {
  const both = [own, other].map((side) => (side ? [side.p50, side.p90, side.p99].map(fixed).join(" / ") : "-"));
  return `${both.join(" | ")} | ${ratio(own?.p50, other?.p50)}`;
}

function ratio(own: number | undefined, other: number | undefined): string {
  return own === undefined || other === undefined ? "-" : (own / other).toFixed(2);
}

function fixed(value: number | undefined): string {
  return value?.toFixed(2) ?? "-";
}
