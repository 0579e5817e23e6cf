import { setTimeout as sleep } from "node:timers/promises";

import type { Settings } from "../settings.ts";
import { cancelled } from "./cancelled.ts";
import { RequestFailure } from "./request-failure.ts";

/** The longest wait between two tries that nobody asked for. */
const longestMs = 10_000;

/** Counts the tries of one request on one host, and waits between them. */
export class Tries {
  readonly #settings: Settings;
  readonly #host: string;
  readonly #doing: string;
  readonly #signal: AbortSignal;
  #failed = 0;

  constructor(settings: Settings, host: string, doing: string, signal: AbortSignal) {
    this.#settings = settings;
    this.#host = host;
    this.#doing = doing;
    this.#signal = signal;
  }

  /** Forgets failures, since something was achieved. */
  reset(): void {
    this.#failed = 0;
  }

  /** Settles when the next try may begin. Throws the reason itself when it is final or all tries are used up. */
  async again(reason: unknown): Promise<void> {
    if (this.#signal.aborted) throw cancelled(this.#signal);
    if (!(reason instanceof RequestFailure) || !reason.retry) throw reason;
    this.#failed++;
    if (this.#failed >= this.#settings.tries) throw usedUp(reason, this.#failed);
    this.#settings.onRetry?.({ host: this.#host, doing: this.#doing, reason: reason.message });
    try {
      await sleep(this.#waitMs(reason), undefined, { signal: this.#signal });
    } catch {
      throw cancelled(this.#signal);
    }
  }

  #waitMs(reason: RequestFailure): number {
    const full = Math.min(longestMs, this.#settings.retryMinMs * 2 ** (this.#failed - 1));
    // Jitter downwards by up to a half, so that clients that failed together do not come back together.
    const own = full * (1 - Math.random() / 2);
    return Math.max(own, reason.retryAfterMs ?? 0);
  }
}

function usedUp(reason: RequestFailure, tries: number): RequestFailure {
  return new RequestFailure(reason.code, `${reason.message}, after ${tries} ${tries === 1 ? "try" : "tries"}`, {
    cause: reason,
    retry: false,
  });
}

/** Runs `attempt` until it succeeds or a failure is final. */
export async function withTries<T>(tries: Tries, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (reason) {
      await tries.again(reason);
    }
  }
}
