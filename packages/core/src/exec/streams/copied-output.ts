import type { Readable, Writable } from "node:stream";

/**
 * Copies a process's output to a client as fast as the client reads. When the client leaves, the rest is read and thrown
 * away: nothing a client does may hold up the process for ever.
 */
export class CopiedOutput {
  /** Settles when the output has ended or was closed, and the client has it all. Never rejects. */
  readonly ended: Promise<void>;
  readonly #source: Readable;
  readonly #client: Writable | undefined;
  #isLeft: boolean;
  #isBlocked = false;
  #movedAt = 0;

  /** Copies from now on. Without a client all is thrown away. */
  constructor(source: Readable, client: Writable | undefined) {
    this.#source = source;
    this.#client = client;
    this.#isLeft = client === undefined || client.destroyed;
    const left = (): void => this.leave();
    client?.on("error", left).once("close", left);
    source.on("error", () => undefined); // it ends; the exit code tells the rest
    source.on("data", (chunk: Buffer) => this.#copy(chunk));
    this.ended = new Promise<void>((resolve) => source.once("close", () => resolve())).then(() => this.#finish());
  }

  /** Throws away what comes from now on. */
  leave(): void {
    this.#isLeft = true;
    this.#isBlocked = false;
    this.#source.resume();
  }

  /**
   * Ends the output when nothing has come for so long although the client was ready for it: the process has ended, and
   * somebody else holds its output open. False when that was so.
   */
  async endWhenIdle(idleMs: number): Promise<boolean> {
    this.#movedAt = performance.now();
    let isIdle = false;
    const timer = setInterval(
      () => {
        if (this.#isBlocked || performance.now() - this.#movedAt < idleMs) return;
        isIdle = true;
        this.#source.destroy();
      },
      Math.max(1, idleMs / 4),
    );
    await this.ended;
    clearInterval(timer);
    return !isIdle;
  }

  #copy(chunk: Buffer): void {
    this.#movedAt = performance.now();
    const client = this.#client;
    if (this.#isLeft || client === undefined || client.write(chunk)) return;
    this.#isBlocked = true;
    this.#source.pause();
    client.once("drain", () => {
      this.#isBlocked = false;
      this.#movedAt = performance.now();
      this.#source.resume();
    });
  }

  async #finish(): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#isLeft || client.destroyed || client.writableEnded) return;
    await new Promise<void>((resolve) => {
      client.once("close", () => resolve());
      client.end(() => resolve());
    });
  }
}
