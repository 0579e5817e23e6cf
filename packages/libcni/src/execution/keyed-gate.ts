import { aborted } from "./process-slots.ts";

interface Waiter {
  readonly exclusive: boolean;
  readonly admit: () => void;
}

interface Line {
  sharers: number;
  exclusive: boolean;
  readonly waiting: Waiter[];
}

/**
 * For each key, either any number of shared holders or one exclusive one, in order of arrival: a waiting exclusive
 * caller is not overtaken.
 */
export class KeyedGate {
  readonly #what: string;
  readonly #lines = new Map<string, Line>();

  /** `what` names the key's kind in the error of an aborted wait, such as `container`. */
  constructor(what: string) {
    this.#what = what;
  }

  shared<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#run(key, false, signal, work);
  }

  exclusive<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#run(key, true, signal, work);
  }

  async #run<T>(key: string, exclusive: boolean, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { sharers: 0, exclusive: false, waiting: [] };
    this.#lines.set(key, line);
    try {
      await this.#enter(line, key, exclusive, signal);
    } catch (reason) {
      this.#advance(key, line);
      throw reason;
    }
    try {
      return await work();
    } finally {
      if (exclusive) line.exclusive = false;
      else line.sharers--;
      this.#advance(key, line);
    }
  }

  async #enter(line: Line, key: string, exclusive: boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw aborted(signal, `starting a CNI call of ${this.#what} "${key}"`);
    const turn = Promise.withResolvers<void>();
    const waiter: Waiter = { exclusive, admit: turn.resolve };
    line.waiting.push(waiter);
    const doing = `waiting for other CNI calls of ${this.#what} "${key}"`;
    const onAbort = (): void => {
      const at = line.waiting.indexOf(waiter);
      if (at < 0) return;
      line.waiting.splice(at, 1);
      turn.reject(aborted(signal, doing));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#advance(key, line);
    await turn.promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  /** Admits from the front of the line all who may hold the key together, and forgets a key nobody wants. */
  #advance(key: string, line: Line): void {
    for (let first = line.waiting[0]; first !== undefined; first = line.waiting[0]) {
      if (line.exclusive || (first.exclusive && line.sharers > 0)) break;
      line.waiting.shift();
      if (first.exclusive) line.exclusive = true;
      else line.sharers++;
      first.admit();
    }
    const unused = line.waiting.length === 0 && line.sharers === 0 && !line.exclusive;
    // The key may have a newer line by now, when an aborted caller comes here late.
    if (unused && this.#lines.get(key) === line) this.#lines.delete(key);
  }
}
