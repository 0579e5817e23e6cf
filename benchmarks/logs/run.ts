/**
 * Measures how fast the log thread copies what containers write, and what it costs others meanwhile: the delay of the main thread's
 * event loop, and the time to open the streams of a container.
 *
 *   node benchmarks/logs/run.ts [--mib 200] [--dir DIR] [--containers 300]
 *
 * `dir`: where the logs go, default a directory in the system's for temporary files. Writers are `cat` of a file in the page cache. The
 * 100-byte lines are 143 bytes in the log; the figures are of what the containers wrote.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";

import { type ContainerStdio, createStdio, type Stdio } from "@crib/core/io";

import { percentiles } from "../support/percentiles.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "200" },
    dir: { type: "string", default: tmpdir() },
    containers: { type: "string", default: "300" },
  },
});

const dir = mkdtempSync(join(values.dir, "crib-bench-logs-"));
const pieceMib = 8;
const never = new AbortController().signal;

async function open(stdio: Stdio, id: string): Promise<ContainerStdio> {
  const log = { path: join(dir, "logs", id, "0.log"), maxLineBytes: 16_384 };
  return await stdio.open({ id, dir: join(dir, "io", id), stdin: false, stdinOnce: false, tty: false, log }, never);
}

/** A file of lines; gives its path. */
function makeInput(lineBytes: number): string {
  const path = join(dir, `lines-${lineBytes}`);
  const line = `${"x".repeat(lineBytes - 1)}\n`;
  writeFileSync(path, line.repeat((pieceMib * 2 ** 20) / lineBytes));
  return path;
}

/** Writes so many MiB to the container's output, its FIFOs held open as by a shim. */
async function write(streams: ContainerStdio, input: string, mib: number): Promise<void> {
  const { stdout, stderr } = streams.paths;
  const files = Array.from({ length: mib / pieceMib }, () => input).join(" ");
  const child = spawn("sh", ["-c", `exec 3>"${stderr}"; exec cat ${files} >"${stdout}"`], { stdio: "ignore" });
  await once(child, "exit");
  await streams.drained(60_000);
}

async function measureThroughput(lineBytes: number, writers: number): Promise<string> {
  await using stdio = createStdio({ log: (_level, message, fields) => console.error(message, fields) });
  const input = makeInput(lineBytes);
  const all = await Promise.all(Array.from({ length: writers }, async (_, index) => await open(stdio, `w${index}`)));
  const mib = Math.floor(Number(values.mib) / pieceMib / writers) * pieceMib;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpu = process.cpuUsage();
  delay.enable();
  const begun = performance.now();
  await Promise.all(all.map(async (streams) => await write(streams, input, mib)));
  const seconds = (performance.now() - begun) / 1000;
  delay.disable();
  const used = process.cpuUsage(cpu);
  const bytes = mib * writers * 2 ** 20;
  const written = all.reduce((sum, _, index) => sum + statSync(join(dir, "logs", `w${index}`, "0.log")).size, 0);
  for (const streams of all) await streams.close();
  rmSync(join(dir, "logs"), { recursive: true });
  const mbs = (bytes / 1e6 / seconds).toFixed(0);
  const cpuMs = ((used.user + used.system) / 1e3 / (bytes / 1e6)).toFixed(2);
  const lateMs = Math.max(0, delay.percentile(99) / 1e6 - 1).toFixed(1);
  return `| ${lineBytes} | ${writers} | ${mbs} | ${(written / 1e6 / seconds).toFixed(0)} | ${cpuMs} | ${lateMs} |`;
}

async function measureOpen(isLoaded: boolean): Promise<string> {
  await using stdio = createStdio({ log: (_level, message, fields) => console.error(message, fields) });
  const busy = [await open(stdio, "busy0"), await open(stdio, "busy1")];
  const input = makeInput(100);
  const load = isLoaded ? busy.map(async (streams) => await write(streams, input, Number(values.mib))) : [];
  const before = { rss: process.memoryUsage.rss(), fds: readdirSync("/proc/self/fd").length };
  const times: number[] = [];
  const count = Number(values.containers);
  for (let index = 0; index < count; index += 1) {
    const begun = performance.now();
    await open(stdio, `c${index}`);
    times.push(performance.now() - begun);
  }
  const { p50, p99, max } = percentiles(times);
  const kib = ((process.memoryUsage.rss() - before.rss) / 1024 / count).toFixed(0);
  const fds = ((readdirSync("/proc/self/fd").length - before.fds) / count).toFixed(1);
  for (let index = 0; index < count; index += 1) await stdio.find(`c${index}`)?.close();
  await Promise.all(load);
  for (const streams of busy) await streams.close();
  rmSync(join(dir, "logs"), { recursive: true });
  return `| ${isLoaded ? "two writers" : "idle"} | ${[p50, p99, max].map((ms) => ms.toFixed(2)).join(" | ")} | ${kib} | ${fds} |`;
}

try {
  mkdirSync(dir, { recursive: true });
  console.log("| bytes of a line | writers | MB/s read | MB/s written | CPU ms per MB | main loop late p99 ms |");
  console.log("|---|---|---|---|---|---|");
  for (const [lineBytes, writers] of [
    [100, 1],
    [100, 2],
    [16_384, 1],
    [16_384, 2],
    [64, 1],
    [1_024, 1],
  ] as const) {
    console.log(await measureThroughput(lineBytes, writers));
  }
  console.log("\n| opening streams, log thread | p50 ms | p99 ms | max ms | KiB per container | fds per container |");
  console.log("|---|---|---|---|---|---|");
  console.log(await measureOpen(false));
  console.log(await measureOpen(true));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
