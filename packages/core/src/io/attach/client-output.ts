import type { Writable } from "node:stream";

/** What may become of a client's output. */
export interface ClientOutputEvents {
  /** The client has closed it. */
  readonly lose: () => void;
  /** The client has not read for too long. */
  readonly cutOff: () => void;
}

/** One output of a client. It is not closed at the end: it is its owner's. */
export class ClientOutput {
  readonly #stream: Writable;
  readonly #patienceMs: number;
  readonly #events: ClientOutputEvents;
  /** Of all who wait until the client reads; one listener serves them. */
  #full: PromiseWithResolvers<void> | undefined;
  #late: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(stream: Writable, patienceMs: number, events: ClientOutputEvents) {
    this.#stream = stream;
    this.#patienceMs = patienceMs;
    this.#events = events;
    stream.on("close", this.#lose).on("error", this.#lose).on("drain", this.#relieve);
    if (stream.destroyed || stream.writableEnded) queueMicrotask(this.#lose);
  }

  /** Settles when the client can take more, or takes no more at all. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#isStopped || this.#stream.write(bytes)) return;
    this.#late ??= setTimeout(() => this.#events.cutOff(), this.#patienceMs);
    this.#full ??= Promise.withResolvers<void>();
    await this.#full.promise;
  }

  /** Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#stream.off("close", this.#lose).off("error", this.#lose).off("drain", this.#relieve);
    // Its owner may not listen for the error of something that was written before.
    this.#stream.on("error", () => undefined);
    this.#relieve();
  }

  readonly #relieve = (): void => {
    clearTimeout(this.#late);
    this.#late = undefined;
    this.#full?.resolve();
    this.#full = undefined;
  };

  readonly #lose = (): void => {
    if (this.#isStopped) return;
    this.stop();
    this.#events.lose();
  };
}
