import { Code, StatusError } from "@crib/errdefs";

import type { JobCells } from "./job-cells.ts";

/** How long a job may go on without letting others of its thread go on. */
const turnMs = 10;

/** A worker's side of one job. */
export class JobControl {
  readonly #cells: JobCells;
  readonly #waiting = new Set<() => void>();

  constructor(cells: JobCells) {
    this.#cells = cells;
  }

  /** The shared memory may have changed, or something else that this job waits for. */
  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Settles with the next `wake`. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  check(): void {
    if (this.#cells.isCancelled) throw new StatusError(Code.Canceled, "it was cancelled");
  }

  /** Gives how many bytes can be read, once they are `bytes` at least or `isDone` says that they are not wanted. Cancelled. */
  async waitFor(bytes: number, isDone: () => boolean): Promise<number> {
    for (;;) {
      this.check();
      const { available } = this.#cells;
      if (available >= bytes || isDone()) return available;
      this.#cells.isWaiting = true;
      // Between the look above and this one the other side saw nobody waiting.
      if (this.#cells.available < bytes && !this.#cells.isCancelled) await this.pause();
      this.#cells.isWaiting = false;
    }
  }

  tellRead(bytes: number): void {
    this.#cells.readBytes = bytes;
  }
}

/** Lets the other jobs of this thread, and its messages, have their turn. */
export async function giveTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Runs what gives control back now and then. Cancelled, after what it holds has been freed. */
export async function runSteps<T>(steps: Generator<void, T>, control: JobControl): Promise<T> {
  let turnEnd = performance.now() + turnMs;
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (performance.now() < turnEnd) continue;
      control.check();
      await giveTurn();
      turnEnd = performance.now() + turnMs;
    }
  } catch (error) {
    steps.return(undefined as T);
    throw error;
  }
}
