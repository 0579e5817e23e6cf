import { equal, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { connectCri } from "@crib/cri-client";

import { pause } from "../support/eventually.ts";
import { callWith, grpcMessage, gzipBomb } from "../support/grpc-attacks.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

const resets = Number(process.env["CRIB_SOAK_RESETS"] ?? 100_000);
const bombMiB = 1024;

/** Milliseconds within which 99 of 100 honest calls are answered meanwhile. */
const p99Ms = 100;
/** Where an idle daemon needs more for that, the machine is too busy or too slow to tell. */
const idleP99Ms = 10;

/** Milliseconds in which 99 of 100 calls of Version are answered, one after the other, until `until` settles. */
async function versionP99(
  { socket }: Node,
  until: Promise<unknown>,
): Promise<{ readonly calls: number; readonly p99: number }> {
  const cri = connectCri(socket, { timeoutMs: 60_000 });
  const ended = new AbortController();
  void until.finally(() => ended.abort()).catch(() => {});
  const times: number[] = [];
  while (!ended.signal.aborted) {
    const began = performance.now();
    equal((await cri.runtime.version({})).runtimeName, "crib");
    times.push(performance.now() - began);
    await pause(2);
  }
  cri.close();
  times.sort((one, other) => one - other);
  return { calls: times.length, p99: times[Math.floor(times.length * 0.99)] ?? 0 };
}

test(`${resets} calls that are reset at once hold up no other client (CVE-2023-44487)`, needsRoot, async (t) => {
  const node = await startNode(t);
  const { pid } = node.daemon;
  const idle = await versionP99(node, pause(3_000));
  const memory = watchPeakMemory(pid);
  const attack = promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "rapid-resetter.ts"),
    node.socket,
    `${resets}`,
  ]);
  const attacked = await versionP99(node, attack);
  const { connections } = JSON.parse((await attack).stdout) as { readonly connections: number };
  t.diagnostic(JSON.stringify({ idle, attacked, connections, growthMiB: Math.round(memory.growth()) }));
  equal(node.daemon.pid, pid);
  ok(connections > 1, "the connection is never closed");
  ok(memory.growth() < 128, `${memory.growth()} MiB`);
  if (idle.p99 < idleP99Ms) ok(attacked.p99 < p99Ms, `99 of 100 calls take ${attacked.p99} ms`);
  else t.diagnostic(`an idle daemon needs ${idle.p99} ms: the machine is too busy to judge ${attacked.p99} ms by`);
});

test(
  `a compressed message that grows to ${bombMiB} MiB is refused before it does (CVE-2024-37168)`,
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    const { pid } = node.daemon;
    const bomb = await gzipBomb(bombMiB);
    await node.cri.runtime.version({});
    const memory = watchPeakMemory(pid);
    equal(await callWith(node, grpcMessage(bomb, 1), { "grpc-encoding": "gzip" }), "8", "ResourceExhausted");
    t.diagnostic(`${bomb.length} bytes, ${Math.round(memory.growth())} MiB more at the peak`);
    ok(memory.growth() < 96, `${memory.growth()} MiB`);
    equal((await node.cri.runtime.version({})).runtimeName, "crib");
    equal(node.daemon.pid, pid);
  },
);
