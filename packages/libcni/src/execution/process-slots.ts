import { Code, StatusError } from "@crib/errdefs";

/** Lets at most so many calls run at once; the others wait in order. */
export class ProcessSlots {
  readonly #limit: number;
  #taken = 0;
  readonly #queue: (() => void)[] = [];

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new StatusError(Code.InvalidArgument, `limiting plugin processes: ${limit} is no positive whole number`);
    this.#limit = limit;
  }

  /** Runs `work` once a slot is free. An abort ends the wait; after the start it is the work's own affair. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      // A slot goes straight to the next in line, so that a newcomer cannot overtake.
      if (next === undefined) this.#taken--;
      else next();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw aborted(signal, "starting a plugin process");
    if (this.#taken < this.#limit) {
      this.#taken++;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const doing = `waiting for one of ${this.#limit} plugin processes`;
    const onAbort = (): void => {
      const at = this.#queue.indexOf(turn.resolve);
      if (at < 0) return;
      this.#queue.splice(at, 1);
      turn.reject(aborted(signal, doing));
    };
    this.#queue.push(turn.resolve);
    signal.addEventListener("abort", onAbort, { once: true });
    await turn.promise.finally(() => signal.removeEventListener("abort", onAbort));
  }
}

/** The error of a wait that the signal ended: `DeadlineExceeded` after a timeout, else `Canceled`. */
export function aborted(signal: AbortSignal, doing: string): StatusError {
  const error = StatusError.from(signal.reason, doing);
  return error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: signal.reason }) : error;
}
