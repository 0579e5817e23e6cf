import { StatusError } from "@crib/errdefs";

import type { ProcessExit } from "./process-state.ts";

/** Gives the end of a process, for one of any number of waiters; rejects when this one gives up. */
export async function waitForExit(
  exited: Promise<ProcessExit>,
  name: string,
  signal: AbortSignal,
): Promise<ProcessExit> {
  const { promise, reject } = Promise.withResolvers<never>();
  const aborted = (): void => reject(StatusError.from(signal.reason, `waiting for ${name}`));
  signal.addEventListener("abort", aborted, { once: true });
  if (signal.aborted) aborted();
  try {
    return await Promise.race([exited, promise]);
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}
