/** What happens when nothing comes in. */
export interface Patience {
  /** Milliseconds after which `quiet` is called, perhaps repeatedly. */
  readonly quietMs: number;
  readonly quiet: () => void;
  /** Milliseconds after which `dead` is called; not less than `quietMs`. */
  readonly deadMs: number;
  readonly dead: () => void;
}

/**
 * Two alarms, one after the other. The second one counts only while somebody waits: a consumer that pauses is no stalled
 * server.
 */
export class Watchdog {
  readonly #patience: Patience;
  #timer: NodeJS.Timeout | undefined;
  #armed = false;
  #isQuiet = false;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Begins to count from now, for the first alarm. */
  start(): void {
    if (this.#isQuiet) this.#clear();
    // One timer is refreshed for all chunks: making one for each would cost more than the chunk.
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#onQuiet(), this.#patience.quietMs);
    else this.#timer.refresh();
  }

  /** Begins to count from now, for both alarms. */
  arm(): void {
    this.#armed = true;
    this.start();
  }

  /** Nobody waits any more. */
  disarm(): void {
    this.#armed = false;
  }

  /** Leaves no timer. It may be armed again. */
  stop(): void {
    this.#armed = false;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isQuiet = false;
  }

  #onQuiet(): void {
    this.#clear();
    const { quiet, quietMs, deadMs } = this.#patience;
    quiet();
    if (!this.#armed) return;
    this.#isQuiet = true;
    this.#timer = setTimeout(() => this.#onDead(), Math.max(1, deadMs - quietMs));
  }

  #onDead(): void {
    this.#clear();
    if (this.#armed) this.#patience.dead();
  }
}
