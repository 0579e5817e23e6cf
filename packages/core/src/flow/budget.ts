import { Code, StatusError } from "@crib/errdefs";

/** A signal with a time budget of its own, and what ends it early. Dispose it when the work has settled. */
export class Budget implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #parent: AbortSignal | undefined;
  readonly #follow = (): void => this.#controller.abort(this.#parent?.reason);

  /** `what` names the work in the error, `ms` is the budget; `parent` aborts it too. */
  constructor(what: string, ms: number, parent?: AbortSignal) {
    this.signal = this.#controller.signal;
    this.#parent = parent;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new StatusError(Code.DeadlineExceeded, `${what}: not done within its budget of ${ms} ms`));
    }, ms);
    if (parent?.aborted) this.#follow();
    else parent?.addEventListener("abort", this.#follow, { once: true });
  }

  /** Ends the budget now, for this reason. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener("abort", this.#follow);
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted; the work itself goes on. */
export function waitFor<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => {}); // its own callers see the failure
    return Promise.reject(StatusError.from(signal.reason, "waiting"));
  }
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(StatusError.from(signal.reason, "waiting"));
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
