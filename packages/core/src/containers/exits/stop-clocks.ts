/** How long the containers that are being stopped have left. */
export class StopClocks {
  readonly #clocks = new Map<string, Clock>();

  /** Begins to count, or shortens what is left; never lengthens it. `timeoutMs` 0: the time is over. */
  set(id: string, timeoutMs: number): void {
    const clock = this.#clocks.get(id) ?? new Clock();
    this.#clocks.set(id, clock);
    clock.shorten(Math.max(0, timeoutMs));
  }

  /** Whether there is any time left. */
  isOver(id: string): boolean {
    return this.#clocks.get(id)?.isOver ?? true;
  }

  /** Settles when the time is over or `work` has settled, whichever is first. Gives whether it was the work. */
  async before(id: string, work: Promise<unknown>): Promise<boolean> {
    const over = this.#clocks.get(id)?.over ?? Promise.resolve();
    return await Promise.race([
      work.then(
        () => true,
        () => true,
      ),
      over.then(() => false),
    ]);
  }

  forget(id: string): void {
    this.#clocks.get(id)?.cancel();
    this.#clocks.delete(id);
  }
}

/** The longest that setTimeout can count, in milliseconds; about 24 days. */
const longestMs = 2_147_483_647;

class Clock {
  readonly over: Promise<void>;
  isOver = false;
  readonly #end: () => void;
  #at = Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#end = (): void => {
      this.isOver = true;
      resolve();
    };
  }

  shorten(timeoutMs: number): void {
    const at = performance.now() + timeoutMs;
    if (at >= this.#at || this.isOver) return;
    this.#at = at;
    clearTimeout(this.#timer);
    if (timeoutMs === 0) this.#end();
    else this.#timer = setTimeout(this.#end, Math.min(timeoutMs, longestMs));
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
