import { deepEqual, equal, ok } from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, LogLine } from "../support/containers/container.ts";
import { eventually, pause } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { randomNumbers } from "../support/random.ts";
import { numberingScript, readNumbers } from "./numbered-log.ts";

/** Most that one stream may lose with a daemon that is killed: one read. */
const readBytes = 64 * 1024;

/** Bytes of a number and its line feed. */
const lineBytes = 11;

const seed = 7;

/** Runs a container whose lines are numbered, ends the daemon so many times, then has the container end by itself. */
async function logAcross(
  target: ContainerNode,
  { times, burst, end }: { readonly times: number; readonly burst: number; readonly end: () => Promise<unknown> },
): Promise<readonly LogLine[]> {
  const { node } = target;
  const random = randomNumbers(seed);
  const pod = await node.runPod();
  const container = await target.runContainer(pod, { script: numberingScript(burst) });
  for (let time = 0; time < times; time++) {
    await grows(container);
    await pause(random() * 100);
    await end();
    await pause(random() * 100);
    await node.restart();
  }
  await grows(container);
  await container.sh("touch /enough");
  equal((await container.ended(30_000)).exitCode, 0);
  const lines = await container.log();
  await pod.remove();
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
  return lines;
}

async function grows(container: Container): Promise<void> {
  const { logPath } = await container.status();
  const before = sizeOf(logPath);
  await eventually(20_000, () => ok(sizeOf(logPath) > before));
}

/** Bytes of a file that may not be there yet. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

test("a daemon that is asked to end five times neither loses nor doubles a line of a log", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  const lines = await logAcross(target, {
    times: 5,
    burst: 20,
    end: async () => equal((await target.node.term()).exitCode, 0),
  });
  for (const stream of ["stdout", "stderr"] as const) {
    const { numbers, gaps, partial } = readNumbers(lines, stream);
    deepEqual([gaps, partial], [[], 0]);
    ok(numbers.length > 100);
    equal(lines.findLast((line) => line.stream === stream)?.text, "end");
  }
});

test(
  `a daemon that is killed ten times loses at most one read of a stream each time, and doubles nothing (seed ${seed})`,
  needsRoot,
  async (t) => {
    const target = await startContainerNode(t);
    const kills = 10;
    const lines = await logAcross(target, { times: kills, burst: 500, end: () => target.node.kill() });
    for (const stream of ["stdout", "stderr"] as const) {
      const { gaps, partial } = readNumbers(lines, stream);
      t.diagnostic(`${stream}: ${gaps.join(", ") || "no"} lines lost, ${partial} parts`);
      ok(gaps.length <= kills, `${gaps.length} gaps`);
      for (const missing of gaps)
        ok(missing * lineBytes <= readBytes + 2 * lineBytes, `${missing} lines are lost at once`);
      ok(partial <= 2 * kills, `${partial} parts of lines`);
      equal(lines.findLast((line) => line.stream === stream)?.text, "end");
    }
  },
);
