import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { openPidfd } from "./pidfd.ts";
import { type ProcessIdentity, readProcess } from "./process-stat.ts";

const firstPollMs = 1;
const slowestPollMs = 50;

/** Whether exactly this process runs. A zombie does not: it holds no mount, file or namespace any more. */
export function isProcessAlive({ pid, startTime }: ProcessIdentity): boolean {
  const found = readProcess(pid);
  if (found === undefined || found.startTime !== startTime) return false;
  if (found.state !== "Z" && found.state !== "X") return true;
  // The state is that of the first thread, which may end before the others; the descriptor tells of all.
  using handle = openPidfd(pid, startTime);
  return handle?.alive() ?? false;
}

/**
 * Settles when exactly this process has ended; at once when it is gone already. Polls, at 1 ms first and 50 ms in the end.
 * DeadlineExceeded after `timeoutMs`; rejects with the signal's reason when aborted.
 */
export async function waitProcessGone(
  process: ProcessIdentity,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { timeoutMs, signal } = options;
  const end = performance.now() + timeoutMs;
  let pauseMs = firstPollMs;
  while (isProcessAlive(process)) {
    signal?.throwIfAborted();
    if (performance.now() >= end) {
      throw new StatusError(
        Code.DeadlineExceeded,
        `waiting for process ${process.pid}: not gone after ${timeoutMs} ms`,
      );
    }
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
    pauseMs = Math.min(pauseMs * 2, slowestPollMs);
  }
}
