import { setTimeout as sleep } from "node:timers/promises";

import type { ServerProcess } from "./server-process.ts";

/** Milliseconds until no pod comes any more of requests whose client was ended. */
const calmMs = 1_000;

/** Milliseconds for all pods, and for one call. */
const removalMs = 60_000;
const call = { timeoutMs: 30_000 } as const;

/** Stops and removes every pod of a runtime: those that were being made or measured when the benchmark was ended or failed. */
export async function removePods({ name, client }: ServerProcess): Promise<void> {
  const deadline = performance.now() + removalMs;
  const { runtime } = client;
  for (let emptySince: number | undefined; ;) {
    const { items } = await runtime.listPodSandbox({}, call);
    if (items.length === 0) {
      emptySince ??= performance.now();
      if (performance.now() - emptySince > calmMs) return;
    } else {
      emptySince = undefined;
      if (performance.now() > deadline) throw new Error(`${name} still has ${items.length} pods`);
      await Promise.allSettled(
        items.map(async ({ id }) => {
          await runtime.stopPodSandbox({ podSandboxId: id }, call);
          await runtime.removePodSandbox({ podSandboxId: id }, call);
        }),
      );
    }
    await sleep(100);
  }
}
