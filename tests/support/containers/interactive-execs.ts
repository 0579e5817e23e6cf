import { equal, ok } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";

import { connectExec } from "@crib/streaming";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { expectNothingHeld, type RuntimeUse, runtimeUse } from "./runtime-use.ts";
import { execUrl, untilSaid } from "./streaming-calls.ts";

/** What many commands with a client each took. */
export interface InteractiveExecs {
  /** Until each had said its first word. */
  readonly seconds: number;
  /** MiB of the daemon before, with all of them, and after. */
  readonly memory: readonly [number, number, number];
  readonly daemonFds: readonly [number, number, number];
  readonly shimFds: readonly [number, number, number];
}

/** Enough for what is made once to be there: caches, connections, threads. */
const warmUp = 10;

/** MiB of the daemon that one session may hold: its buffers, and its connection's compression. */
const sessionMiB = 0.25;

/** MiB by which memory may be above that of the beginning when they are over: what the heap grew by and keeps. */
const growthMiB = 48;

/**
 * Runs `count` shells at once, each with a client that talks to it: each must say on both outputs what it was told to and nothing
 * else, and leave with its own code. Afterwards neither the daemon nor the shim holds anything of them.
 */
export async function interactiveExecs(
  node: Node,
  container: Container,
  count: number,
  signal: AbortSignal,
): Promise<InteractiveExecs> {
  const talk = async (clients: number): Promise<RuntimeUse & { readonly seconds: number }> => {
    const began = performance.now();
    const all = await Promise.all(Array.from({ length: clients }, (_, index) => join(node, container, index, signal)));
    const seconds = (performance.now() - began) / 1_000;
    const meanwhile = runtimeUse(node, container);
    await node.cri.runtime.version({});
    await Promise.all(all.map((finish) => finish()));
    return { ...meanwhile, seconds };
  };
  const cold = runtimeUse(node, container);
  await talk(Math.min(count, warmUp));
  const before = await eventually(20_000, () => expectNothingHeld(node, container, cold, growthMiB));
  const { seconds, ...meanwhile } = await talk(count);
  const held = meanwhile.daemon.memory - before.daemon.memory;
  ok(held < count * sessionMiB + growthMiB, `${held} MiB for ${count} sessions`);
  const after = await eventually(20_000, () => expectNothingHeld(node, container, before, growthMiB));
  return {
    seconds,
    memory: [before.daemon.memory, meanwhile.daemon.memory, after.daemon.memory],
    daemonFds: [before.daemon.fds, meanwhile.daemon.fds, after.daemon.fds],
    shimFds: [before.shim.fds, meanwhile.shim.fds, after.shim.fds],
  };
}

/** Starts one and waits for its first word. What it gives says the second and waits for the end. */
async function join(
  node: Node,
  container: Container,
  index: number,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const exitCode = index % 100;
  const cmd = ["sh", "-c", `echo ready; read -r line; echo "$line"; echo "not $line" >&2; exit ${exitCode}`];
  const url = await execUrl(node, container, cmd, { stdin: true });
  const said = untilSaid(stdout, "ready\n");
  const all = Promise.all([text(stdout), text(stderr)]);
  const over = connectExec(url, { stdin, stdout, stderr }, signal).finally(() => {
    stdout.end();
    stderr.end();
  });
  over.catch(() => {}); // it is waited for later
  await said;
  return async () => {
    stdin.write(`word ${index}\n`);
    equal((await over).exitCode, exitCode);
    const [out, err] = await all;
    equal(out, `ready\nword ${index}\n`);
    equal(err, `not word ${index}\n`);
  };
}
