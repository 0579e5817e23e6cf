import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { TaskService } from "../../tasks/types.ts";

/** Tells of one shim for as long as it is held. */
export interface ShimPulse extends Disposable {
  /** Rejects with Unavailable when the shim does not answer any more. */
  readonly lost: Promise<never>;
}

/** How often shims are asked, in milliseconds, and how long they may take to answer. */
export interface PulseTimes {
  /** Default 10,000. */
  readonly everyMs?: number;
  /** Default 5,000. */
  readonly answerMs?: number;
}

/** A machine that is short of everything may delay one answer. */
const missesAllowed = 1;

/**
 * Asks shims whether they are there while somebody waits for an exit: such a wait has no deadline, and a shim that hangs
 * would never end it.
 */
export class ShimPulses {
  readonly #times: PulseTimes;
  readonly #asked = new WeakMap<TaskService, Asking>();

  constructor(times: PulseTimes = {}) {
    this.#times = times;
  }

  /** All who watch the same shim share what is asked. */
  watch(service: TaskService): ShimPulse {
    const asking = this.#asked.get(service) ?? new Asking(service, this.#times);
    this.#asked.set(service, asking);
    return asking.watch();
  }
}

class Asking {
  readonly #service: TaskService;
  readonly #times: PulseTimes;
  readonly #watchers = new Set<(error: StatusError) => void>();
  #timer: NodeJS.Timeout | undefined;
  #misses = 0;

  constructor(service: TaskService, times: PulseTimes) {
    this.#service = service;
    this.#times = times;
  }

  watch(): ShimPulse {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // it may come when nobody looks any more
    this.#watchers.add(reject);
    this.#timer ??= setInterval(() => void this.#ask(), this.#times.everyMs ?? 10_000).unref();
    return { lost: promise, [Symbol.dispose]: () => this.#leave(reject) };
  }

  #leave(watcher: (error: StatusError) => void): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#misses = 0;
  }

  async #ask(): Promise<void> {
    const { sandboxId, tasks } = this.#service;
    try {
      await tasks.connect(sandboxId, never, { timeoutMs: this.#times.answerMs ?? 5_000 });
      this.#misses = 0;
    } catch (error) {
      // Any other answer is one; and a lost connection is told to those who wait over it.
      if (!hasCode(error, Code.DeadlineExceeded)) return;
      this.#misses += 1;
      if (this.#misses <= missesAllowed) return;
      const lost = new StatusError(Code.Unavailable, `waiting for the shim of sandbox "${sandboxId}": it hangs`);
      for (const watcher of this.#watchers) watcher(lost);
    }
  }
}

const never = new AbortController().signal;
