import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

/** What bounds a call. */
export interface Bounds {
  /** What is done, for errors: `starting sandbox "a"`. */
  readonly doing: string;
  readonly timeoutMs: number;
  /** How long the call has to settle once its signal is aborted. */
  readonly settleMs: number;
  /** Aborted when who asked for it has gone. Default: it is done for nobody. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls somebody else's code, which may hang and may ignore its signal: fails with DeadlineExceeded after `timeoutMs`, with the reason of `signal` when that
 * is aborted, and gives the call a moment to settle before. What it fails with by itself keeps its code;
 * what succeeds all the same has succeeded.
 */
export async function boundedCall<T>(bounds: Bounds, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { doing, timeoutMs, settleMs } = bounds;
  const controller = new AbortController();
  const give = (reason: unknown): void => controller.abort(StatusError.from(reason, doing));
  const timer = setTimeout(
    () => controller.abort(new StatusError(Code.DeadlineExceeded, `${doing}: not done after ${timeoutMs} ms`)),
    timeoutMs,
  );
  const leave = (): void => give(bounds.signal?.reason);
  if (bounds.signal?.aborted === true) leave();
  bounds.signal?.addEventListener("abort", leave, { once: true });
  try {
    controller.signal.throwIfAborted();
    const work = call(controller.signal);
    return await Promise.race([work, givenUp(controller.signal, work, settleMs)]);
  } catch (reason) {
    // What a call says of its end by abort is no more than that it was aborted.
    throw StatusError.from(controller.signal.aborted ? controller.signal.reason : reason);
  } finally {
    clearTimeout(timer);
    bounds.signal?.removeEventListener("abort", leave);
  }
}

/** Rejects once the signal is aborted and the work has settled, or had its time for that. */
async function givenUp(signal: AbortSignal, work: Promise<unknown>, settleMs: number): Promise<never> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await aborted;
  const over = new AbortController();
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, delay(settleMs, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
  throw signal.reason;
}
