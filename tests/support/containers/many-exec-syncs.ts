import { deepEqual } from "node:assert/strict";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { expectNothingHeld, runtimeUse } from "./runtime-use.ts";

/** What many commands in a row did to those that ran them. */
export interface ManyExecSyncs {
  readonly seconds: number;
  /** MiB of the daemon before and after. */
  readonly memory: readonly [number, number];
  readonly daemonFds: readonly [number, number];
  readonly shimFds: readonly [number, number];
}

/** Enough for what is made once to be there: caches, connections, optimised code. */
const warmUp = 50;

/** MiB by which the daemon's memory may be above that of the beginning, however many commands there were. */
const growthMiB = 48;

/**
 * Runs commands to their end, `lanes` at a time, each of which must say what it was told to. Afterwards no process, FIFO or
 * descriptor is left of them, in the daemon or the shim, and memory is as it was.
 */
export async function manyExecSyncs(
  node: Node,
  container: Container,
  count: number,
  lanes = 2,
): Promise<ManyExecSyncs> {
  const run = async (total: number): Promise<void> => {
    let next = 0;
    const one = async (): Promise<void> => {
      for (let index = next++; index < total; index = next++) {
        const exitCode = index % 100;
        const said = await container.execSync(["sh", "-c", `echo ${index}; echo e${index} >&2; exit ${exitCode}`]);
        deepEqual(said, { stdout: `${index}\n`, stderr: `e${index}\n`, exitCode });
      }
    };
    await Promise.all(Array.from({ length: lanes }, one));
  };
  await run(warmUp);
  const before = runtimeUse(node, container);
  const began = performance.now();
  await run(count);
  const seconds = (performance.now() - began) / 1_000;
  return await eventually(10_000, () => {
    const after = expectNothingHeld(node, container, before, growthMiB);
    return {
      seconds,
      memory: [before.daemon.memory, after.daemon.memory] as const,
      daemonFds: [before.daemon.fds, after.daemon.fds] as const,
      shimFds: [before.shim.fds, after.shim.fds] as const,
    };
  });
}
