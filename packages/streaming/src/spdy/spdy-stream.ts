import { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { ResetStatus } from "./frame.ts";
import type { SpdyHeaders } from "./header-block.ts";

/** Bytes one DATA frame carries at most; clients allocate a frame as a whole. */
const maxFrameBytes = 64 * 1024;

/** Bytes a stream holds before it asks its connection to wait. */
const streamBufferBytes = 32 * 1024;

/** What a stream needs of its connection. */
export interface StreamLink {
  sendData(streamId: number, data: Buffer, fin: boolean, done: () => void): void;
  sendReply(streamId: number): void;
  sendReset(streamId: number, status: ResetStatus): void;
  /** The stream's reader is behind. */
  hold(stream: SpdyStream): void;
  /** The stream's reader wants more. */
  release(stream: SpdyStream): void;
  forget(stream: SpdyStream): void;
}

/**
 * One stream of a SPDY connection. Ending it sends FIN, the peer's FIN ends reading; each half lives on without the other. Destroying it before
 * it has ended resets it. Its connection's loss destroys it with an error.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  /** As the opener sent them. */
  readonly headers: SpdyHeaders;
  /** Settles when the peer has taken the stream; rejects when it is reset first. Of streams that the peer opened: never. */
  readonly accepted: Promise<void>;
  readonly #link: StreamLink;
  readonly #acceptance = Promise.withResolvers<void>();
  #discarding = false;
  #resetIsEnd = false;
  #endReceived = false;
  #resetReceived = false;
  #resetSent = false;

  constructor(id: number, headers: SpdyHeaders, link: StreamLink) {
    super({ allowHalfOpen: true, highWaterMark: streamBufferBytes });
    this.id = id;
    this.headers = headers;
    this.#link = link;
    this.accepted = this.#acceptance.promise;
    // Whoever reads or writes learns of errors there; a stream that nobody uses any more must not end the process.
    this.on("error", () => {});
    this.accepted.catch(() => {});
  }

  /** Whether the peer gave the stream up. */
  get resetByPeer(): boolean {
    return this.#resetReceived;
  }

  /** Takes a stream that the peer opened. */
  reply(): void {
    this.#link.sendReply(this.id);
  }

  /** Resets the stream for this reason. */
  refuse(status: ResetStatus): void {
    this.#reset(status);
    this.destroy();
  }

  /** Drops what arrives from now on, and what is waiting: a stream without a reader would stop its whole connection. */
  discard(): void {
    this.#discarding = true;
    this.resume();
  }

  /**
   * From now on a reset by the peer that gives no fault as its reason ends reading, after what has arrived: servers in Go reset all streams
   * of a session that is over instead of ending each.
   */
  takeResetAsEnd(): void {
    this.#resetIsEnd = true;
  }

  /** @internal The peer took the stream. */
  acceptReceived(): void {
    this.#acceptance.resolve();
  }

  /** @internal Bytes of the peer. */
  deliver(piece: Buffer, fin: boolean): void {
    if (this.#endReceived || this.destroyed) return;
    if (piece.length > 0 && !this.#discarding && !this.push(piece)) this.#link.hold(this);
    if (!fin) return;
    this.#endReceived = true;
    this.push(null);
  }

  /** @internal The peer reset the stream. */
  resetReceived(status: number): void {
    this.#resetReceived = true;
    this.#resetSent = true; // nothing more may be said about it
    if (this.#resetIsEnd && status === ResetStatus.Cancel) {
      if (this.readableEnded) this.destroy();
      else this.once("end", () => this.destroy());
      this.deliver(Buffer.alloc(0), true);
      return;
    }
    this.destroy(new StatusError(Code.Canceled, `SPDY stream ${this.id}: reset by the peer with status ${status}`));
  }

  /** @internal The connection is gone. */
  connectionLost(reason: Error | undefined): void {
    this.#resetSent = true;
    if (this.#endReceived && !this.readableEnded) {
      // All that the peer wanted to say is here; the reader may still take it.
      this.once("end", () => this.destroy());
      return;
    }
    if (this.#endReceived && this.writableFinished) this.destroy();
    else
      this.destroy(
        new StatusError(Code.Unavailable, `SPDY stream ${this.id}: the connection closed`, { cause: reason }),
      );
  }

  override _read(): void {
    this.#link.release(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#resetReceived) return done(); // nobody reads it any more
    let sent = 0;
    while (chunk.length - sent > maxFrameBytes) {
      this.#link.sendData(this.id, chunk.subarray(sent, sent + maxFrameBytes), false, () => {});
      sent += maxFrameBytes;
    }
    this.#link.sendData(this.id, chunk.subarray(sent), false, done);
  }

  override _final(done: () => void): void {
    if (this.#resetReceived) return done();
    this.#link.sendData(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // After FIN the peer has all it needs; what it still sends is dropped by the connection.
    if (!this.writableFinished || error !== null) this.#reset(ResetStatus.Cancel);
    this.#link.forget(this);
    this.#acceptance.reject(error ?? new StatusError(Code.Canceled, `SPDY stream ${this.id}: closed`));
    done(error);
  }

  #reset(status: ResetStatus): void {
    if (this.#resetSent) return;
    this.#resetSent = true;
    this.#link.sendReset(this.id, status);
  }
}
