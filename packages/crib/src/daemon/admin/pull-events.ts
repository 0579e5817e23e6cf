import type { PullEvent } from "@crib/core";

/**
 * The events of one pull for a reader that may be slow. Of the progress of a layer only the latest is kept, so no more wait
 * than the image has layers.
 */
export class PullEvents {
  readonly #waiting = new Map<string, PullEvent>();
  #count = 0;
  #ended = false;
  #wake = (): void => {};

  push(event: PullEvent): void {
    this.#waiting.set(event.kind === "layer" ? event.digest : `${event.kind} ${this.#count++}`, event);
    this.#wake();
  }

  /** No more will come; those that wait are still given. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PullEvent> {
    for (;;) {
      for (const [key, event] of this.#waiting) {
        this.#waiting.delete(key);
        yield event;
      }
      if (this.#waiting.size > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
