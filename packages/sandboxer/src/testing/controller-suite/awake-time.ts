/** At most that much is counted from one look to the next; the looks are half as far apart. */
const lookMs = 20;

/**
 * A clock that stands still while this process cannot run, because the machine stalls or is somebody else's. It measures what is
 * promised to happen "within a second", of which no program can keep more than its part. Disposing of it stops it.
 */
export class AwakeTime implements Disposable {
  #ms = 0;
  #lookedAt = performance.now();
  readonly #timer = setInterval(() => this.#look(), lookMs / 2);

  /** Milliseconds that this process could use since the clock was made; never more than have passed. */
  get ms(): number {
    this.#look();
    return this.#ms;
  }

  #look(): void {
    const now = performance.now();
    this.#ms += Math.min(now - this.#lookedAt, lookMs);
    this.#lookedAt = now;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
