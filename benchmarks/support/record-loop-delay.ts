import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How late the timers of an event loop were, milliseconds. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Reads the event-loop delay of a daemon that was started with `env`. */
export interface LoopDelayRecorder {
  readonly env: Readonly<Record<string, string>>;
  /** What was recorded since the last call or the start; begins anew. */
  take(pid: number): Promise<LoopDelay>;
}

/** Milliseconds for the daemon to write its report. */
const reportMs = 5_000;

/** A recorder that has the daemon write to `file`; see loop-delay.ts. */
export function recordLoopDelay(file: string): LoopDelayRecorder {
  const preload = new URL("./loop-delay.ts", import.meta.url).href;
  const read = (): { readonly reports: number } & LoopDelay =>
    existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { reports: 0, p99Ms: 0, maxMs: 0 };
  return {
    env: { NODE_OPTIONS: `--import=${preload}`, BENCH_LOOP_DELAY: file },
    async take(pid: number): Promise<LoopDelay> {
      const { reports } = read();
      process.kill(pid, "SIGUSR2");
      const deadline = performance.now() + reportMs;
      for (;;) {
        const report = read();
        if (report.reports > reports) return report;
        if (performance.now() > deadline) throw new Error(`process ${pid} wrote no loop delay within ${reportMs} ms`);
        await sleep(5);
      }
    },
  };
}
