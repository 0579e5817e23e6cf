import { cancelled } from "../failures/cancelled.ts";

/** The right to have one request running on a host. */
export interface Slot {
  /** Lets the next one begin. Idempotent. */
  release(): void;
}

/** Limits how many requests run at a time on each host; the others wait in the order in which they came. */
export class Limiter {
  readonly #limit: number;
  readonly #hosts = new Map<string, { running: number; readonly waiting: Set<() => void> }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for a slot. Fails with the signal's error, and takes no slot then. */
  async acquire(host: string, signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) throw cancelled(signal);
    const state = this.#hosts.get(host) ?? { running: 0, waiting: new Set<() => void>() };
    this.#hosts.set(host, state);
    if (state.running >= this.#limit) await this.#turn(state.waiting, signal);
    else state.running++;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(host);
      },
    };
  }

  /** Waits until a slot is handed over; it counts as running all the time. */
  async #turn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      waiting.delete(resolve);
      reject(cancelled(signal));
    };
    waiting.add(resolve);
    signal.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #release(host: string): void {
    const state = this.#hosts.get(host);
    if (state === undefined) return;
    const [next] = state.waiting;
    if (next !== undefined) {
      state.waiting.delete(next);
      next();
      return;
    }
    state.running--;
    if (state.running === 0) this.#hosts.delete(host);
  }
}
