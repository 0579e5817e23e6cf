import { performance } from "node:perf_hooks";

import { Code, StatusError } from "@crib/errdefs";

import type { CallOptions } from "./types.ts";

/** The longest delay a timer takes; longer ones would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The time and the signal that bound one call. Disposing it frees the timer and the listener. */
export class CallScope implements Disposable {
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reason: StatusError | undefined;
  #listener: ((reason: StatusError) => void) | undefined;

  /** `what` names the call in errors. */
  constructor(what: string, options: CallOptions) {
    this.#what = what;
    this.#signal = options.signal;
    const { timeoutMs } = options;
    if (timeoutMs !== undefined && Number.isFinite(timeoutMs)) {
      this.#deadline = performance.now() + timeoutMs;
      const late = new StatusError(Code.DeadlineExceeded, `${what}: no answer within ${timeoutMs} ms`);
      if (timeoutMs <= 0) this.#abandon(late);
      else this.#timer = setTimeout(() => this.#abandon(late), Math.min(timeoutMs, maxTimerMs));
    }
    if (this.#signal?.aborted === true) this.#onAbort();
    else this.#signal?.addEventListener("abort", this.#onAbort);
  }

  /** Why the caller gave up, if so. */
  get reason(): StatusError | undefined {
    return this.#reason;
  }

  /** What is left of the deadline, at least 1; 0 where there is none. */
  get remainingNanos(): bigint {
    if (this.#deadline === undefined) return 0n;
    const milliseconds = Math.max(this.#deadline - performance.now(), 0);
    return BigInt(Math.max(Math.round(milliseconds * 1e6), 1));
  }

  /** Calls `listener` when the caller gives up, at once if that has happened. It replaces an earlier listener. */
  whenAbandoned(listener: (reason: StatusError) => void): void {
    this.#listener = listener;
    if (this.#reason !== undefined) listener(this.#reason);
  }

  [Symbol.dispose](): void {
    this.#listener = undefined;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => {
    const error = StatusError.from(this.#signal?.reason, this.#what);
    // A reason without a class of its own is still a cancellation.
    this.#abandon(
      error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: error.cause }) : error,
    );
  };

  #abandon(reason: StatusError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }
}
