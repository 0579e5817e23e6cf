import type { Writable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { AttachStreams } from "../types.ts";
import type { OutputName } from "../worker/messages.ts";
import { ClientOutput } from "./client-output.ts";

/** How long a client may leave output unread. */
const defaultPatienceMs = 30_000;

/** One client that is attached to a container's outputs. */
export class AttachedClient {
  readonly #outputs = new Map<OutputName, ClientOutput>();
  readonly #done = Promise.withResolvers<void>();

  constructor(streams: AttachStreams, patienceMs: number = defaultPatienceMs) {
    for (const name of ["stdout", "stderr"] as const) {
      const stream = streams[name];
      if (stream !== undefined) this.#add(name, stream, patienceMs);
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
    await this.#outputs.get(name)?.send(bytes);
  }

  /** The client is served no more; `done` rejects with the error, if there is one. Idempotent. */
  end(error?: Error): void {
    for (const output of this.#outputs.values()) output.stop();
    this.#outputs.clear();
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
  }

  #add(name: OutputName, stream: Writable, patienceMs: number): void {
    const lose = (): void => {
      this.#outputs.delete(name);
      if (this.#outputs.size === 0) this.end();
    };
    const cutOff = (): void => {
      const why = `the client has not read for ${patienceMs} ms`;
      this.end(new StatusError(Code.DeadlineExceeded, `sending output of a container: ${why}`));
      // What it did not read is of no use any more, and an owner that waits for its end would wait for ever.
      stream.destroy();
    };
    this.#outputs.set(name, new ClientOutput(stream, patienceMs, { lose, cutOff }));
  }
}
