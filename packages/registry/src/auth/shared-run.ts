import { cancelled } from "../failures/cancelled.ts";

/** Runs equal work once for all who want it at the same time; it ends early only when nobody waits for it any more. */
export class SharedRuns<T> {
  readonly #running = new Map<
    string,
    { readonly result: Promise<T>; readonly stop: AbortController; waiters: number }
  >();

  /** Joins the run of this key or begins one. The signal ends this caller's wait, with its error. */
  async join(key: string, run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw cancelled(signal);
    const shared = this.#running.get(key) ?? this.#begin(key, run);
    shared.waiters++;
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(cancelled(signal));
    signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([shared.result, gone]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      shared.waiters--;
      if (shared.waiters === 0) {
        // Whoever comes next must not join a run that is being stopped.
        if (this.#running.get(key) === shared) this.#running.delete(key);
        shared.stop.abort();
      }
    }
  }

  #begin(key: string, run: (signal: AbortSignal) => Promise<T>) {
    const stop = new AbortController();
    const shared = { result: run(stop.signal), stop, waiters: 0 };
    // Those who wait see the failure; when all are gone nobody does, and that is meant.
    shared.result.catch(() => undefined);
    this.#running.set(key, shared);
    return shared;
  }
}
