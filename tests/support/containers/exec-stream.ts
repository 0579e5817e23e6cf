import { deepEqual, ok } from "node:assert/strict";
import { Writable } from "node:stream";

import { connectExec } from "@crib/streaming";

import { eventually } from "../eventually.ts";
import { watchPeakMemory } from "../images/peak-memory.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { execDirs } from "./process-use.ts";
import { execUrl } from "./streaming-calls.ts";

/** How a long output came through. */
export interface ExecStream {
  readonly bytes: number;
  readonly seconds: number;
  readonly mebibytesPerSecond: number;
  /** MiB of the daemon at the peak, above what it had before. */
  readonly growth: number;
}

const mebibyte = 2 ** 20;

/** Numbers that one round of the output counts to; a loss or a swap inside a round shows at once, since no two pieces of it are alike. */
const roundEnd = 1_500_000;

/** MiB that the daemon may take for it, however long it is: buffers that wait for the client, and those not collected yet. */
const growthMiB = 96;

/**
 * Has a command with a client write `atLeastBytes`, and compares every byte that arrives with what was written. The daemon's memory does
 * not depend on how many they are.
 */
export async function execStream(
  node: Node,
  container: Container,
  atLeastBytes: number,
  signal: AbortSignal,
): Promise<ExecStream> {
  const round = Buffer.from(Array.from({ length: roundEnd }, (_, index) => `${index + 1}\n`).join(""));
  const rounds = Math.ceil(atLeastBytes / round.length);
  await container.sh(`seq 1 ${roundEnd} >/round`);
  const cmd = ["sh", "-c", `i=0; while [ $i -lt ${rounds} ]; do cat /round; i=$((i+1)); done; rm /round; exit 9`];
  const url = await execUrl(node, container, cmd, { stderr: false });
  const memory = watchPeakMemory(node.daemon.pid);
  const received = comparing(round);
  const began = performance.now();
  const { exitCode } = await connectExec(url, { stdout: received.stream }, signal);
  const seconds = (performance.now() - began) / 1_000;
  const bytes = received.bytes();
  deepEqual([exitCode, bytes], [9, rounds * round.length]);
  const growth = Math.round(memory.growth());
  ok(growth < growthMiB, `${growth} MiB for ${bytes} bytes`);
  await eventually(10_000, () => deepEqual(execDirs(node, container.id), []));
  return { bytes, seconds, mebibytesPerSecond: Math.round(bytes / mebibyte / seconds), growth };
}

/** Takes what must be `round` again and again; fails on the first piece that is something else. */
function comparing(round: Buffer): { readonly stream: Writable; readonly bytes: () => number } {
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length;) {
        const from = bytes % round.length;
        const length = Math.min(chunk.length - at, round.length - from);
        if (round.compare(chunk, at, at + length, from, from + length) !== 0) {
          done(new Error(`what came after ${bytes} bytes is not what was written`));
          return;
        }
        bytes += length;
        at += length;
      }
      done();
    },
  });
  return { stream, bytes: () => bytes };
}
