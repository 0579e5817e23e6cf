/** Bytes that all commands run to their end may hold together, so that their number does not decide what the daemon needs. */
export class OutputBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Takes all of it or nothing. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** Bounds how much output is read only to be thrown away: it must not take the daemon's only thread. */
export class DropPace {
  readonly #bytesPerWindow: number;
  #windowEnd = 0;
  #spent = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerWindow = (bytesPerSecond / 1_000) * windowMs;
  }

  /** Milliseconds to stop reading for after so many bytes. */
  after(bytes: number): number {
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + windowMs;
      this.#spent = 0;
    }
    this.#spent += bytes;
    return this.#spent < this.#bytesPerWindow ? 0 : Math.max(1, this.#windowEnd - now);
  }
}

const windowMs = 10;
