import type { ClientRequest, IncomingMessage } from "node:http";

import { Code } from "@crib/errdefs";

import { cancelled } from "../failures/cancelled.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import { socketFailure } from "../failures/socket-failure.ts";
import { Watchdog } from "./watchdog.ts";

/** How long a body may be silent, and who is told of it. */
export interface BodyOptions {
  /** Milliseconds without a byte after which the transfer fails, while somebody waits for one. */
  readonly stallMs: number;
  /** Called when no byte was taken for a while, whoever is slow. */
  readonly onQuiet: () => void;
}

/** Milliseconds of silence after which others may take the place of a transfer. */
export function quietAfter(stallMs: number): number {
  return Math.min(1_000, stallMs / 4);
}

/** The body of an answer, taken chunk by chunk. It must be read to its end or destroyed. */
export class Body {
  readonly #message: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #signal: AbortSignal;
  readonly #watchdog: Watchdog;
  #onClosed: (() => void) | undefined;
  #failure: Error | undefined;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(message: IncomingMessage, request: ClientRequest, options: BodyOptions, signal: AbortSignal) {
    this.#message = message;
    this.#request = request;
    this.#signal = signal;
    const { stallMs } = options;
    this.#watchdog = new Watchdog({
      quietMs: quietAfter(stallMs),
      quiet: options.onQuiet,
      deadMs: stallMs,
      dead: () => this.#fail(new RequestFailure(Code.Unavailable, `no byte within ${stallMs} ms`, { retry: true })),
    });
    message.on("readable", () => this.#wake?.());
    message.on("end", () => this.#close(() => (this.#ended = true)));
    message.on("error", (reason) => this.#fail(socketFailure(reason)));
    message.on("close", () => this.#fail(socketFailure(new Error("the connection was closed in mid answer"))));
    signal.addEventListener("abort", this.#onAbort);
    this.#watchdog.start();
    if (signal.aborted) this.#onAbort();
  }

  /** The next bytes, undefined at the end. Unavailable when the connection breaks or stalls; the signal's error. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      const chunk = this.#message.read() as Buffer | null;
      if (chunk !== null) {
        this.#watchdog.start();
        return chunk;
      }
      await this.#more();
    }
  }

  /** Ends the transfer and its connection, unless it has ended. Idempotent. */
  destroy(): void {
    this.#fail(new RequestFailure(Code.Canceled, "the answer was left", { retry: false }));
  }

  /** Calls back once the connection is free again or destroyed; at once where it is. One caller. */
  whenClosed(callback: () => void): void {
    if (this.#closed) callback();
    else this.#onClosed = callback;
  }

  readonly #onAbort = (): void => this.#fail(cancelled(this.#signal));

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#watchdog.arm();
    await promise;
    this.#wake = undefined;
    this.#watchdog.disarm();
  }

  #fail(failure: Error): void {
    this.#close(() => {
      this.#failure = failure;
      this.#request.destroy();
    });
  }

  #close(change: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    change();
    this.#watchdog.stop();
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#onClosed?.();
    this.#wake?.();
  }
}
