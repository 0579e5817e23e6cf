import type { Socket } from "node:net";

import { openFifoWriter } from "@crib/linux";

/** The writing end of a process's standard input: opened with the first byte, once the shim has its end. */
export class StdinFifo {
  readonly #path: string;
  readonly #closing = new AbortController();
  #opening: Promise<Socket | undefined> | undefined;
  #isGone = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Settles when the bytes are in the FIFO. When nobody reads any more, or after `end` or `close`, they are thrown away. Errors of opening. */
  async write(bytes: Uint8Array): Promise<void> {
    const socket = await this.#open();
    if (socket === undefined || this.#isGone) return;
    // The error is what the listener has got; the close that follows settles writes that wait.
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  }

  /** Closes the writing end after what was written, so that the reader sees the end of its input. Gives false when it was closed before. */
  async end(): Promise<boolean> {
    if (this.#isGone) return false;
    // Opened even if nothing was written: only then does a reader see an end.
    const socket = await this.#open();
    if (socket === undefined || this.#isGone) return false;
    this.#isGone = true;
    await new Promise<void>((resolve) => socket.once("close", () => resolve()).end());
    return true;
  }

  /** Closes at once. Idempotent. */
  close(): void {
    this.#isGone = true;
    this.#closing.abort();
    void this.#opening?.then((socket) => socket?.destroy());
  }

  #open(): Promise<Socket | undefined> {
    this.#opening ??= this.#openOnce();
    return this.#opening;
  }

  async #openOnce(): Promise<Socket | undefined> {
    try {
      const socket = await openFifoWriter(this.#path, { signal: this.#closing.signal });
      // EPIPE: the process has closed its input. That is its right, and no error of whoever writes.
      socket.on("error", () => (this.#isGone = true));
      if (this.#closing.signal.aborted) socket.destroy();
      return socket;
    } catch (error) {
      if (this.#closing.signal.aborted) return undefined;
      throw error;
    }
  }
}
