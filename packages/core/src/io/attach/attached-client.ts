import type { Writable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { AttachStreams } from "../types.ts";
import type { OutputName } from "../worker/messages.ts";

/** How long a client may leave output unread. */
const patienceMs = 30_000;

/** One client that is attached to a container's outputs. */
export class AttachedClient {
  readonly #outputs = new Map<OutputName, Writable>();
  readonly #done = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #patienceMs: number;

  constructor(streams: AttachStreams, patience: number = patienceMs) {
    this.#patienceMs = patience;
    for (const name of ["stdout", "stderr"] as const) {
      const output = streams[name];
      if (output === undefined) continue;
      this.#outputs.set(name, output);
      const closed = (): void => this.#lose(name);
      output.once("close", closed);
      output.on("error", closed);
      this.#stop.signal.addEventListener("abort", () => {
        output.off("close", closed);
        output.off("error", closed);
      });
      if (output.destroyed || output.writableEnded) queueMicrotask(closed);
    }
    // Whoever attached it waits for it; it may fail before that.
    this.#done.promise.catch(() => undefined);
  }

  /** Settles when the client is to be served no more; rejects, with DeadlineExceeded, when it did not read for too long. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Settles when the client can take more, or takes no more at all. */
  async send(name: OutputName, bytes: Uint8Array): Promise<void> {
    const output = this.#outputs.get(name);
    if (output === undefined || this.#stop.signal.aborted || output.write(bytes)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = this.#stop;
    const late = setTimeout(() => this.#cutOff(), this.#patienceMs);
    output.once("drain", resolve);
    output.once("close", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(late);
    output.off("drain", resolve);
    output.off("close", resolve);
  }

  /** The client is served no more. Idempotent. */
  end(): void {
    this.#stop.abort();
    this.#done.resolve();
  }

  #lose(name: OutputName): void {
    this.#outputs.delete(name);
    if (this.#outputs.size === 0) this.end();
  }

  #cutOff(): void {
    const why = `the client has not read for ${this.#patienceMs} ms`;
    this.#done.reject(new StatusError(Code.DeadlineExceeded, `sending output of a container: ${why}`));
    const outputs = [...this.#outputs.values()];
    this.#stop.abort();
    // What it did not read is of no use any more, and an owner that waits for its end would wait for ever.
    for (const output of outputs) output.destroy();
  }
}
