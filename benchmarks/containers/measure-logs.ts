import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { connectCri } from "@crib/cri-client";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import { type Contestant, createContainer, removePod, type RunningPod, runPod } from "./contestant.ts";

/** How fast one container's output became log lines. */
export interface LogFigures {
  readonly runtime: string;
  readonly lineBytes: number;
  /** Megabytes (10^6) that the container wrote, per second. */
  readonly megabytesPerSecond: Percentiles;
  /** Version of another client meanwhile, asked every 5 ms, milliseconds. */
  readonly versionMs: Percentiles;
}

/** Bytes of the file that containers write over and over. */
const pieceBytes = 8 * 2 ** 20;

/** Milliseconds between two questions. */
const intervalMs = 5;

/** How the log of a container that has written everything ends. */
const lastLine = "stdout F end\n";

/** Milliseconds for all of a container's output. */
const limitMs = 120_000;

/** Alternates between the runtimes, a container each, after one that does not count. */
export async function measureLogs(
  contestants: readonly Contestant[],
  options: { readonly lineBytes: number; readonly megabytes: number; readonly samples: number },
): Promise<readonly LogFigures[]> {
  const { lineBytes, megabytes, samples } = options;
  const pieces = Math.ceil((megabytes * 1e6) / pieceBytes);
  for (const { files } of contestants) {
    const line = `${"x".repeat(lineBytes - 1)}\n`;
    writeFileSync(join(files.input, `${lineBytes}`), line.repeat(Math.floor(pieceBytes / lineBytes)));
  }
  const taken = contestants.map((contestant) => ({ contestant, rates: [] as number[], versions: [] as number[] }));
  for (let sample = -1; sample < samples; sample++) {
    for (const { contestant, rates, versions } of taken) {
      const { rate, version } = await writeLog(contestant, lineBytes, sample < 0 ? 1 : pieces);
      if (sample < 0) continue;
      rates.push(rate);
      versions.push(...version);
    }
  }
  return taken.map(({ contestant, rates, versions }) => ({
    runtime: contestant.server.name,
    lineBytes,
    megabytesPerSecond: percentiles(rates),
    versionMs: percentiles(versions),
  }));
}

async function writeLog(
  contestant: Contestant,
  lineBytes: number,
  pieces: number,
): Promise<{ readonly rate: number; readonly version: readonly number[] }> {
  const pod = await runPod(contestant);
  const { runtime } = contestant.server.client;
  try {
    const files = Array.from({ length: pieces }, () => `/in/${lineBytes}`).join(" ");
    // The pause keeps the start of the container apart from its output.
    const script = `echo begin; sleep 0.2; cat ${files}; echo end`;
    const containerId = await createContainer(contestant, pod, "writer", ["sh", "-c", script]);
    await runtime.startContainer({ containerId });
    const asked = await askMeanwhile(contestant, () => untilWritten(logOf(pod, "writer"), contestant.signal));
    return { rate: (pieces * pieceBytes) / 1e3 / asked.result, version: asked.times };
  } finally {
    await removePod(contestant, pod);
    rmSync(pod.config.logDirectory ?? "", { recursive: true });
  }
}

function logOf({ config }: RunningPod, name: string): string {
  return join(config.logDirectory ?? "", name, "0.log");
}

/** Milliseconds from the second write to the file until the last line is there. */
async function untilWritten(path: string, signal: AbortSignal | undefined): Promise<number> {
  const fd = openSync(path, "r");
  const tail = Buffer.alloc(lastLine.length);
  const deadline = performance.now() + limitMs;
  let began: number | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { size } = fstatSync(fd);
      if (size > 100) began ??= performance.now();
      readSync(fd, tail, 0, tail.length, Math.max(0, size - tail.length));
      const now = performance.now();
      if (tail.toString() === lastLine && began !== undefined) return now - began;
      if (now > deadline) throw new Error(`"${path}" is not complete after ${limitMs} ms`);
      await sleep(1);
    }
  } finally {
    closeSync(fd);
  }
}

async function askMeanwhile<T>(
  { server }: Contestant,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly times: readonly number[] }> {
  await using client = connectCri(server.socket);
  await client.runtime.version({});
  const asked: Promise<number>[] = [];
  const ask = async (): Promise<number> => {
    const began = performance.now();
    await client.runtime.version({});
    return performance.now() - began;
  };
  const timer = setInterval(() => asked.push(ask()), intervalMs);
  const result = await work().finally(() => clearInterval(timer));
  return { result, times: await Promise.all(asked) };
}
