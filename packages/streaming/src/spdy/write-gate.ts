import type { Writable } from "node:stream";

/** Lets many streams write to one transport, each waiting its turn when the transport's buffer is full. */
export class WriteGate {
  readonly #transport: Writable;
  #waiting: (() => void)[] = [];

  constructor(transport: Writable) {
    this.#transport = transport;
    transport.on("drain", () => this.#release());
  }

  /** Bytes that the transport has not yet taken. */
  get backlog(): number {
    return this.#transport.writableLength;
  }

  /** Writes the parts in one piece. `done` is called when more may be written, never when the transport closes first. */
  write(parts: readonly Buffer[], done?: () => void): void {
    if (!this.#transport.writable) return;
    this.#transport.cork();
    for (const part of parts) this.#transport.write(part);
    this.#transport.uncork();
    if (done === undefined) return;
    if (this.#transport.writableNeedDrain) this.#waiting.push(done);
    else done();
  }

  #release(): void {
    // One at a time and in order: what the first writes may fill the buffer again.
    while (this.#waiting.length > 0 && !this.#transport.writableNeedDrain) this.#waiting.shift()!();
  }
}
