import { Code, StatusError } from "@crib/errdefs";
import type { TerminalSize } from "@crib/streaming";

/** The terminal that crib was started on, handed to a process in a container. Disposing gives it back as it was. */
export interface Terminal extends Disposable {
  /** The size now and each new one, until disposed. For one reader. */
  readonly resizes: AsyncIterable<TerminalSize>;
  /** Gives the size once more, to a process that was not there before. */
  tellAgain(): void;
}

/**
 * Takes the terminal: every key goes to the container, Ctrl-C too, so there are no keys to detach with. FailedPrecondition when
 * standard input is no terminal.
 */
export function takeTerminal(): Terminal {
  const { stdin, stdout } = process;
  if (!stdin.isTTY) {
    throw new StatusError(Code.FailedPrecondition, "taking the terminal: standard input is none; leave -t out");
  }
  const sizes = new LatestSize();
  const tell = (): void => sizes.set({ width: stdout.columns ?? 80, height: stdout.rows ?? 24 });
  const restore = (): void => void stdin.setRawMode(false);
  stdin.setRawMode(true);
  // Also when something ends the process that nobody foresaw.
  process.on("exit", restore);
  stdout.on("resize", tell);
  tell();
  return {
    resizes: sizes,
    tellAgain: tell,
    [Symbol.dispose](): void {
      stdout.off("resize", tell);
      process.off("exit", restore);
      sizes.end();
      restore();
    },
  };
}

/** Sizes of which only the last one counts when nobody has asked meanwhile. */
class LatestSize implements AsyncIterable<TerminalSize> {
  #size: TerminalSize | undefined;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  set(size: TerminalSize): void {
    this.#size = size;
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** Each reader begins with the size of the moment. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TerminalSize> {
    let told: TerminalSize | undefined;
    while (!this.#hasEnded) {
      if (this.#size !== undefined && this.#size !== told) {
        told = this.#size;
        yield told;
        continue;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
