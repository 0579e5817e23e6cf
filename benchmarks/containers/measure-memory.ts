import { setTimeout as sleep } from "node:timers/promises";

import { residentBytes } from "../support/process-usage.ts";
import { type Contestant, createContainer, removePod, runPod } from "./contestant.ts";

/** Memory of one daemon. */
export interface MemoryFigures {
  readonly runtime: string;
  readonly pods: number;
  /** VmRSS, MiB. */
  readonly daemonMiB: number;
}

/** Reads the memory of idle daemons, then of the same with pods of one container each, `settleMs` after the last call. */
export async function measureMemory(
  contestants: readonly Contestant[],
  options: { readonly pods: number; readonly settleMs: number },
): Promise<readonly MemoryFigures[]> {
  const { pods, settleMs } = options;
  const read = (count: number): readonly MemoryFigures[] =>
    contestants.map(({ server }) => ({
      runtime: server.name,
      pods: count,
      daemonMiB: residentBytes(server.pid) / 2 ** 20,
    }));
  await settle(contestants, settleMs);
  const idle = read(0);
  await using held = new AsyncDisposableStack();
  for (const contestant of contestants) {
    for (let count = 0; count < pods; count++) {
      const pod = await runPod(contestant);
      held.defer(() => removePod(contestant, pod));
      const containerId = await createContainer(contestant, pod, "first");
      await contestant.server.client.runtime.startContainer({ containerId });
    }
  }
  await settle(contestants, settleMs);
  return [...idle, ...read(pods)];
}

async function settle(contestants: readonly Contestant[], ms: number): Promise<void> {
  const signal = AbortSignal.any(contestants.flatMap((contestant) => contestant.signal ?? []));
  // Aborted for the reason that the signal has.
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
