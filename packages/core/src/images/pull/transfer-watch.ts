import { Code, StatusError } from "@crib/errdefs";

/**
 * Ends a pull whose transfers have all gone silent. Time in which none is open does not count: what waits for its turn behind
 * other pulls, or is being unpacked, is not the registry's fault.
 */
export class TransferWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #open = 0;
  #movedAt = 0;

  /** `silent` is called, again and again, when no byte has come for `limitMs`. */
  constructor(limitMs: number, silent: (reason: StatusError) => void) {
    const look = (): void => {
      if (this.#open === 0 || performance.now() - this.#movedAt < limitMs) return;
      silent(new StatusError(Code.DeadlineExceeded, `nothing came for ${limitMs} ms`));
    };
    this.#timer = setInterval(look, Math.min(10_000, Math.ceil(limitMs / 4))).unref();
  }

  /** A transfer begins; it ends when what this gives is disposed of. */
  begin(): Disposable {
    this.#open++;
    this.moved();
    return { [Symbol.dispose]: () => void this.#open-- };
  }

  /** Bytes came. */
  moved(): void {
    this.#movedAt = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
