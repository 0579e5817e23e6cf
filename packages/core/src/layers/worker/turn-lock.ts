import type { JobControl } from "./job-control.ts";

/** What one job of a thread may have at a time. */
export class TurnLock {
  readonly #waiting = new Set<JobControl>();
  #isTaken = false;

  /** Waits until nobody has it. Disposing of the result, once, gives it back. Cancelled. */
  async take(control: JobControl): Promise<Disposable> {
    while (this.#isTaken) {
      control.check();
      this.#waiting.add(control);
      await control.pause();
    }
    control.check();
    this.#isTaken = true;
    return { [Symbol.dispose]: () => this.#giveBack() };
  }

  #giveBack(): void {
    this.#isTaken = false;
    for (const control of this.#waiting) control.wake();
    this.#waiting.clear();
  }
}
