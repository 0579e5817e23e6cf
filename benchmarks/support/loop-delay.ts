/**
 * Preloaded into a daemon by NODE_OPTIONS (`recordLoopDelay`): on SIGUSR2 it writes how late the event loop's timers were since
 * the last time into the file that BENCH_LOOP_DELAY names.
 */
import { renameSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

/** Milliseconds between two looks; the recorder's own figures include them. */
const resolutionMs = 2;

const file = process.env["BENCH_LOOP_DELAY"];
// Children and workers of the daemon must start as they do without the benchmark.
delete process.env["BENCH_LOOP_DELAY"];
delete process.env["NODE_OPTIONS"];

if (isMainThread && file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  let reports = 0;
  histogram.enable();
  process.on("SIGUSR2", () => {
    const report = { reports: ++reports, p99Ms: ms(histogram.percentile(99)), maxMs: ms(histogram.max) };
    writeFileSync(`${file}.new`, JSON.stringify(report));
    renameSync(`${file}.new`, file);
    histogram.reset();
  });
}
