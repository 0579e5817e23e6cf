import { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

/** Bytes of data one message carries at most. */
const maxMessageBytes = 64 * 1024;

/** What a channel needs of its connection. */
export interface ChannelLink {
  send(channel: number, data: Buffer, done: (error?: Error | null) => void): void;
  /** The channel's reader is behind. */
  hold(stream: ChannelStream): void;
  /** The channel's reader wants more, or is gone. */
  release(stream: ChannelStream): void;
}

/** Which ways a channel goes, seen from this end. */
export interface ChannelDirections {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** One channel of a WebSocket. Ending it tells the peer nothing: there is no message for that. */
export class ChannelStream extends Duplex {
  readonly #link: ChannelLink;
  readonly #channel: number;
  #discarding = false;
  #ended: boolean;

  constructor(link: ChannelLink, channel: number, directions: ChannelDirections) {
    super({ ...directions, allowHalfOpen: true });
    this.#link = link;
    this.#channel = channel;
    this.#ended = !directions.readable;
    // Whoever reads or writes learns of errors there; a channel that nobody uses any more must not end the process.
    this.on("error", () => {});
  }

  /** Data of the peer. */
  deliver(data: Buffer): void {
    if (this.#ended || this.#discarding || this.destroyed || data.length === 0) return;
    if (!this.push(data)) this.#link.hold(this);
  }

  /** The peer sends no more. */
  deliverEnd(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  /** Drops what arrives from now on, and what is waiting. */
  discard(): void {
    if (this.destroyed || this.#ended) return;
    this.#discarding = true;
    this.resume();
  }

  /** The connection is gone. */
  connectionLost(reason: Error | undefined): void {
    if (this.writableFinished && this.#ended) this.destroy();
    else
      this.destroy(
        new StatusError(Code.Unavailable, `WebSocket channel ${this.#channel}: the connection closed`, {
          cause: reason,
        }),
      );
  }

  override _read(): void {
    this.#link.release(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let sent = 0;
    while (chunk.length - sent > maxMessageBytes) {
      this.#link.send(this.#channel, chunk.subarray(sent, sent + maxMessageBytes), () => {});
      sent += maxMessageBytes;
    }
    this.#link.send(this.#channel, chunk.subarray(sent), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#link.release(this);
    done(error);
  }
}
