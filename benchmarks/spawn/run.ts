/**
 * Measures how long starting a program blocks the event loop, by `node:child_process` and by `spawnProcess` in turn, in a
 * process of a given size.
 *
 *   node benchmarks/spawn/run.ts [--starts 300] [--memory 120,250,420]
 *
 * `memory`: MiB of VmRSS to grow to, in rising order. Prints a Markdown table; the ratios are comparable between runs, the times are not.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { parseArgs } from "node:util";

import { spawnProcess } from "@crib/linux";

import { type Percentiles, percentiles } from "../support/percentiles.ts";

const { values } = parseArgs({
  options: { starts: { type: "string", default: "300" }, memory: { type: "string", default: "120,250,420" } },
});

const program = "/bin/true";
const env = { PATH: "/usr/bin:/bin" };

/** The synchronous part of one start, and all of it until the program has ended and its output is closed. */
interface Start {
  readonly blockedMs: number;
  readonly endedMs: number;
}

async function byChildProcess(): Promise<Start> {
  const before = performance.now();
  const child = spawn(program, [], { cwd: "/", env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const blockedMs = performance.now() - before;
  child.stdout.resume();
  child.stderr.resume();
  await once(child, "close");
  return { blockedMs, endedMs: performance.now() - before };
}

async function bySpawnProcess(): Promise<Start> {
  const before = performance.now();
  const child = spawnProcess({ path: program, args: [], env, cwd: "/" });
  const blockedMs = performance.now() - before;
  await Promise.all([child.exit, closed(child.stdout), closed(child.stderr)]);
  return { blockedMs, endedMs: performance.now() - before };
}

async function closed(stream: Readable): Promise<void> {
  stream.resume();
  await once(stream, "close");
}

const ballast: unknown[] = [];

/** Fills the heap of JavaScript, as a daemon's is: many small pages, each of which a fork copies the entry of. */
function growTo(mib: number): number {
  const rss = (): number => process.memoryUsage.rss() / 2 ** 20;
  while (rss() < mib) ballast.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
  return rss();
}

const times = ({ p50, p99 }: Percentiles): string => `${p50.toFixed(2)} / ${p99.toFixed(2)}`;

const starts = Number(values.starts);
console.log(`| VmRSS MiB | way | blocked p50 / p99 ms | ended p50 / p99 ms | ratio of blocked p50 |`);
console.log(`|---:|---|---:|---:|---:|`);
for (const mib of values.memory.split(",").map(Number)) {
  const rssMiB = growTo(mib).toFixed(0);
  const ways = { child_process: byChildProcess, spawnProcess: bySpawnProcess };
  const figures: Record<keyof typeof ways, Start[]> = { child_process: [], spawnProcess: [] };
  for (let start = 0; start < starts + 10; start++) {
    for (const way of ["child_process", "spawnProcess"] as const) {
      const figure = await ways[way]();
      // The first ones load and compile.
      if (start >= 10) figures[way].push(figure);
    }
  }
  const blocked = (way: keyof typeof ways): Percentiles => percentiles(figures[way].map(({ blockedMs }) => blockedMs));
  for (const way of ["child_process", "spawnProcess"] as const) {
    const ended = percentiles(figures[way].map(({ endedMs }) => endedMs));
    const ratio = (blocked(way).p50 / blocked("child_process").p50).toFixed(2);
    console.log(`| ${rssMiB} | ${way} | ${times(blocked(way))} | ${times(ended)} | ${ratio} |`);
  }
}
