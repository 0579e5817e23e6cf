import { deepEqual, equal } from "node:assert/strict";
import { PassThrough } from "node:stream";

import { connectExec } from "@crib/streaming";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { execDirs, processUse } from "./process-use.ts";
import { execUrl, untilSaid } from "./streaming-calls.ts";

/** What many commands with a client each took. */
export interface InteractiveExecs {
  /** Until each had said its first word. */
  readonly seconds: number;
  /** MiB of the daemon before, with all of them, and after. */
  readonly memory: readonly [number, number, number];
  readonly fds: readonly [number, number, number];
}

/** Runs `count` shells at once, each with a client that talks to it; afterwards nothing is left of them. */
export async function interactiveExecs(
  node: Node,
  container: Container,
  count: number,
  signal: AbortSignal,
): Promise<InteractiveExecs> {
  const { pid } = node.daemon;
  const before = processUse(pid);
  const began = performance.now();
  const start = async (index: number) => {
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const cmd = ["sh", "-c", `echo ready; read -r line; echo "$line"; exit ${index % 100}`];
    const url = await execUrl(node, container, cmd, { stdin: true, stderr: false });
    const said = untilSaid(stdout, "ready\n");
    const over = connectExec(url, { stdin, stdout }, signal);
    over.catch(() => {}); // it is waited for later
    await said;
    return { stdin, stdout, over };
  };
  const clients = await Promise.all(Array.from({ length: count }, (_, index) => start(index)));
  const seconds = (performance.now() - began) / 1_000;
  const meanwhile = processUse(pid);
  await node.cri.runtime.version({});
  await Promise.all(
    clients.map(async ({ stdin, stdout, over }, index) => {
      const said = untilSaid(stdout, `word ${index}\n`);
      stdin.write(`word ${index}\n`);
      equal(await said, `word ${index}\n`);
      equal((await over).exitCode, index % 100);
    }),
  );
  await eventually(20_000, () => deepEqual(execDirs(node, container.id), []));
  const after = processUse(pid);
  return {
    seconds,
    memory: [before.memory, meanwhile.memory, after.memory],
    fds: [before.fds, meanwhile.fds, after.fds],
  };
}
