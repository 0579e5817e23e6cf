import type { TerminalSize } from "../types.ts";

/** Sizes of a terminal for one reader. Holds the latest only: a reader that is late, or never comes, misses what is out of date anyway. */
export class ResizeQueue implements AsyncIterable<TerminalSize> {
  #latest: TerminalSize | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  push(size: TerminalSize): void {
    if (this.#ended) return;
    this.#latest = size;
    this.#wake?.();
  }

  /** No more will come. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TerminalSize, void, void> {
    for (;;) {
      const size = this.#latest;
      this.#latest = undefined;
      if (size !== undefined) yield size;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
