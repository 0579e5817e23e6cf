import { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { SpdyStream } from "../spdy/spdy-stream.ts";
import { readText } from "./read-text.ts";

/** Milliseconds that the end of the data waits for word of a failure; servers send that first. */
const failureMs = 1000;

/** A forwarded connection on the client's side: the bytes of one stream, and as its error what came on the other. */
export class ForwardedPort extends Duplex {
  readonly #data: SpdyStream;
  readonly #failure: Promise<string>;
  readonly #port: number;

  constructor(port: number, data: SpdyStream, error: SpdyStream) {
    super({ allowHalfOpen: true });
    this.#port = port;
    this.#data = data;
    this.#failure = readText(error);
    this.#failure.catch(() => {}); // an error stream breaks with its connection, which `data` tells too
    data.pause();
    data.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) data.pause();
    });
    data.on("end", () => void this.#finish());
    data.on("error", (reason) => void this.#finish(reason));
    data.on("close", () => void this.#finish());
  }

  override _read(): void {
    this.#data.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#data.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.#data.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#data.destroy();
    done(error);
  }

  async #finish(reason?: Error): Promise<void> {
    const patience = new Promise<string>((resolve) => setTimeout(resolve, failureMs, "").unref());
    const message = await Promise.race([this.#failure.catch(() => ""), patience]);
    if (this.destroyed) return;
    if (message !== "") this.destroy(new StatusError(Code.Unavailable, `forwarding port ${this.#port}: ${message}`));
    else if (reason !== undefined) this.destroy(StatusError.from(reason, `forwarding port ${this.#port}`));
    else this.push(null);
  }
}
