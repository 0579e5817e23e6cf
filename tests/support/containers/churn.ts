import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Container } from "./container.ts";
import { expectNothingHeld, runtimeUse } from "./runtime-use.ts";

/** What clients that came and went did to the daemon. */
export interface Churn {
  readonly seconds: number;
  /** MiB, looked at ten times on the way. */
  readonly memory: readonly number[];
  readonly fds: readonly [number, number];
}

/** Clients at a time. */
const lanes = 4;

/**
 * MiB by which memory may be above that of the first tenth in the end. The heap's parts for new objects double a few times under load, by
 * 16 MiB or so each, and stay: some 65 MiB with the first 8,000 clients, and no more with the next 28,000.
 */
const growthMiB = 96;

/**
 * Has `count` clients come and go, four at a time: `visit` is one of them, told which. Afterwards neither the daemon nor the shim of
 * the container's pod holds anything more than before.
 */
export async function churn(
  node: Node,
  container: Container,
  count: number,
  visit: (index: number) => Promise<void>,
): Promise<Churn> {
  let next = 0;
  const run = async (until: number): Promise<void> => {
    const one = async (): Promise<void> => {
      for (let index = next++; index < until; index = next++) await visit(index);
    };
    await Promise.all(Array.from({ length: lanes }, one));
    next = until;
  };
  const before = runtimeUse(node, container);
  const memory: number[] = [];
  const began = performance.now();
  for (let tenth = 1; tenth <= 10; tenth++) {
    await run(Math.round((count * tenth) / 10));
    memory.push(runtimeUse(node, container).daemon.memory);
  }
  const seconds = (performance.now() - began) / 1_000;
  const plateau = { ...before, daemon: { ...before.daemon, memory: memory[0] ?? 0 } };
  return await eventually(20_000, async () => {
    // Shims in Go let go of some descriptors of a terminal when they collect garbage, which one that is idle does every two minutes.
    await container.sh("true");
    const after = expectNothingHeld(node, container, plateau, growthMiB);
    return { seconds, memory: [...memory, after.daemon.memory], fds: [before.daemon.fds, after.daemon.fds] as const };
  });
}
