import type { Socket } from "node:net";

/** The bytes that come out of a FIFO, taken in parts. Nothing is read before it is asked for beyond one buffer. */
export class ByteSource implements Disposable {
  readonly #socket: Socket;
  #rest: Uint8Array | undefined;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  /** The socket belongs to it from now on. */
  constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.#hasEnded = true;
      this.#wake?.();
    };
    socket.on("readable", () => this.#wake?.());
    socket.on("error", end).on("end", end).on("close", end);
  }

  /** Up to so many bytes; undefined at the end, and with `signal`. One taker at a time. */
  async take(most: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (!signal.aborted) {
      const bytes = this.#rest ?? (this.#socket.read() as Buffer | null) ?? undefined;
      if (bytes !== undefined) {
        this.#rest = bytes.length > most ? bytes.subarray(most) : undefined;
        return bytes.subarray(0, most);
      }
      if (this.#hasEnded) return undefined;
      await this.#something(signal);
    }
    return undefined;
  }

  /** What was taken and could not be used comes first again. */
  putBack(bytes: Uint8Array): void {
    this.#rest = this.#rest === undefined ? bytes : Buffer.concat([bytes, this.#rest]);
  }

  [Symbol.dispose](): void {
    this.#rest = undefined;
    this.#socket.destroy();
  }

  async #something(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake);
    await promise;
    signal.removeEventListener("abort", wake);
  }
}
