import { deepEqual, ok } from "node:assert/strict";

import { openWebSocket, requestRaw, spdyHeaders } from "@crib/streaming/testing";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { execDirs, openFiles, processUse } from "./process-use.ts";
import { attachUrl, channels, execUrl, sendOn } from "./streaming-calls.ts";

/** What clients that came and vanished did to the daemon. */
export interface AttachChurn {
  readonly seconds: number;
  /** MiB, looked at ten times on the way. */
  readonly memory: readonly number[];
  readonly fds: readonly [number, number];
}

/** Clients at a time. */
const lanes = 4;

/** MiB by which memory may be above that of the first tenth in the end: it rises to a plateau and stays there. */
const growthMiB = 64;

/**
 * Clients that attach, or start a command on a terminal whose sizes nobody reads, and vanish without a word: half of those that
 * attach before they have opened a stream. `count` of them, every 50th with a command. Afterwards no connection and no
 * directory of a command is left.
 */
export async function attachChurn(node: Node, container: Container, count: number): Promise<AttachChurn> {
  const { pid } = node.daemon;
  const visit = async (index: number): Promise<void> => {
    if (index % 50 === 49) {
      const url = await execUrl(node, container, ["sleep", "0.1"], { tty: true, stdin: true });
      using client = await openWebSocket(url, "v5.channel.k8s.io");
      for (let size = 1; size < 20; size++) await sendOn(client, channels.resize, `{"Width":${size},"Height":9}`);
    } else if (index % 2 === 0) {
      using client = await openWebSocket(await attachUrl(node, container), "v5.channel.k8s.io");
      await sendOn(client, channels.resize, '{"Width":80,"Height":25}');
    } else {
      using _client = await requestRaw(await attachUrl(node, container), spdyHeaders);
    }
  };
  let next = 0;
  const run = async (until: number): Promise<void> => {
    const one = async (): Promise<void> => {
      for (let index = next++; index < until; index = next++) await visit(index);
    };
    await Promise.all(Array.from({ length: lanes }, one));
    next = until;
  };
  const before = processUse(pid);
  const memory: number[] = [];
  const began = performance.now();
  for (let tenth = 1; tenth <= 10; tenth++) {
    await run(Math.round((count * tenth) / 10));
    memory.push(processUse(pid).memory);
  }
  const seconds = (performance.now() - began) / 1_000;
  return await eventually(20_000, () => {
    const after = processUse(pid);
    deepEqual(execDirs(node, container.id), []);
    ok(after.fds <= before.fds + 3, openFiles(pid).join("\n"));
    ok(after.memory <= memory[0]! + growthMiB, memory.join());
    return { seconds, memory: [...memory, after.memory], fds: [before.fds, after.fds] as const };
  });
}
