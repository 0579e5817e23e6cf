import { waitFor } from "../../flow/budget.ts";

/** Places that work takes and gives back, first come, first served. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a place; disposing of what it gives, also twice, gives the place back. `signal` ends the wait. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let isHeld = true;
    return {
      [Symbol.dispose]: (): void => {
        if (isHeld) this.#give();
        isHeld = false;
      },
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await waitFor(promise, signal);
    } catch (reason) {
      const place = this.#waiting.indexOf(resolve);
      // The place may have been handed over in the same turn in which the wait ended.
      if (place >= 0) this.#waiting.splice(place, 1);
      else this.#give();
      throw reason;
    }
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
