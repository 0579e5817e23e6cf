import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import type { SandboxerCalls } from "./sandboxer-calls.ts";
import { type PodWatch, settlePod } from "./watch-pod.ts";

/** Exit code of a boundary that was ended by `stop` and has not said how it ended. */
export const stoppedExitCode = 137;

/** Milliseconds between two looks. */
const pauseMs = 100;

/**
 * Settles when what the sandboxer has stopped does not run any more: it may say so before it is true. `watch` is that of a sandbox that is
 * known here, which is settled. DeadlineExceeded after `budgetMs`.
 */
export async function awaitStopped(
  id: string,
  watch: PodWatch | undefined,
  calls: SandboxerCalls,
  budgetMs: number,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + budgetMs;
  while (watch?.pod.exit.status === undefined) {
    const said = await calls.status(id, signal);
    if (said?.running !== true) {
      if (watch && said) await settlePod(watch, said, undefined);
      return watch?.pod.exit.settle(stoppedExitCode);
    }
    if (performance.now() > until) {
      const why = `sandboxer "${calls.sandboxer}" has stopped it, and says that it still runs`;
      throw new StatusError(Code.DeadlineExceeded, `stopping sandbox "${id}": ${why}`);
    }
    await delay(pauseMs, undefined, { signal });
  }
}
