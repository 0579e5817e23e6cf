import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

const pods = Number(process.env["CRIB_SOAK_PODS"] ?? 300);
const seed = Number(process.env["CRIB_SOAK_SEED"] ?? Date.now() % 1_000_000);

/** Pods that live at the same time. */
const parallel = 3;

/** Milliseconds that the daemon lives at most before it is killed: a few pods' worth, and clients have to find it again. */
const longestLifeMs = 1_200;

/** Milliseconds that a call may meet daemons that are killed before something must be wrong. */
const insistMs = 90_000;

/** mulberry32: the same seed gives the same instants. */
function randomFrom(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Repeats a call until a daemon lives long enough to answer it. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  const end = performance.now() + insistMs;
  for (;;) {
    try {
      return await call();
    } catch (reason) {
      if (performance.now() > end) throw reason;
      await sleep(30);
    }
  }
}

/** The life of one pod, each call repeated as a kubelet would. */
async function live(node: Node, handler: string): Promise<void> {
  const config = node.podConfig();
  const request = { config, runtimeHandler: handler };
  const { podSandboxId } = await insist(() => node.cri.runtime.runPodSandbox(request));
  equal((await insist(() => node.cri.runtime.runPodSandbox(request))).podSandboxId, podSandboxId);
  const { status } = await insist(() => node.cri.runtime.podSandboxStatus({ podSandboxId }));
  ok(status?.network?.ip, `pod ${podSandboxId} has lost its address`);
  await insist(() => node.cri.runtime.stopPodSandbox({ podSandboxId }));
  await insist(() => node.cri.runtime.removePodSandbox({ podSandboxId }));
}

test(`${pods} pods, the daemon killed at random instants (seed ${seed})`, needsRoot, async (t) => {
  const node = await startNode(t);
  const random = randomFrom(seed);
  let left = pods;
  const done = new AbortController();
  let kills = 0;
  const worker = async (handler: string): Promise<void> => {
    while (left-- > 0) await live(node, handler);
  };
  const killer = async (): Promise<void> => {
    while (!done.signal.aborted) {
      await sleep(random() * longestLifeMs);
      if (done.signal.aborted) return;
      await node.restart();
      kills++;
    }
  };
  const killing = killer();
  try {
    await Promise.all(Array.from({ length: parallel }, (_, index) => worker(index === 0 ? "paused" : "")));
  } finally {
    done.abort();
    await killing;
  }
  t.diagnostic(`${pods} pods, ${kills} kills`);
  await eventually(30_000, async () => deepEqual(await node.leftovers(), []));
  deepEqual(await node.leaks(), []);
  equal((await node.list()).size, 0);
});
