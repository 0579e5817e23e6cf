import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { FrameRate } from "../flow-control/frame-rate.ts";
import { lingerMs, pingMs } from "../flow-control/limits.ts";
import { ReceiveBudget } from "../flow-control/receive-budget.ts";
import { ControlReader } from "./control-reader.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import {
  dataHeader,
  goAwayFrame,
  pingFrame,
  ResetStatus,
  rstStreamFrame,
  synReplyFrame,
  synStreamFrame,
} from "./frame.ts";
import { encodeHeaders, type SpdyHeaders } from "./header-block.ts";
import { HeaderStore } from "./header-compression.ts";
import { SpdyStream, type StreamLink } from "./spdy-stream.ts";
import { WriteGate } from "./write-gate.ts";

/** Bytes of answers (replies, resets, pings) that may wait for a client that does not read. */
const maxBacklogBytes = 4 * 1024 * 1024;

export interface SpdyConnectionOptions {
  readonly role: "client" | "server";
  /** Takes a stream that the peer opened: answers with `reply` or `refuse`. Default: all are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Streams open at once. Default 1,024. */
  readonly maxStreams?: number;
  /** Called for every chunk read or written. */
  readonly onActivity?: () => void;
}

/**
 * One end of a SPDY/3.1 connection over any transport, as moby/spdystream speaks it: windows are neither announced nor heeded, settings are
 * checked and ignored. Whatever breaks the protocol ends the connection.
 */
export class SpdyConnection {
  /** Settles when the connection is gone, with the reason if there is one. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  readonly #closing = Promise.withResolvers<Error | undefined>();
  readonly #transport: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #decoder: FrameDecoder;
  readonly #gate: WriteGate;
  readonly #headers = new HeaderStore();
  readonly #budget = new ReceiveBudget();
  readonly #rate = new FrameRate();
  readonly #link: StreamLink;
  #state: "open" | "ending" | "closed" = "open";
  #timer: NodeJS.Timeout | undefined;
  #throttleTimer: NodeJS.Timeout | undefined;
  #nextStreamId: number;
  #lastReceivedId = 0;

  constructor(transport: Duplex, options: SpdyConnectionOptions) {
    this.closed = this.#closing.promise;
    this.#transport = transport;
    this.#options = options;
    this.#nextStreamId = options.role === "client" ? 1 : 2;
    this.#gate = new WriteGate(transport);
    this.#link = this.#createLink();
    const control = new ControlReader({
      synStream: (id, headers, fin) => this.#opened(id, headers, fin),
      synReply: (id, fin) => this.#replied(id, fin),
      reset: (id, status) => this.#streams.get(id)?.resetReceived(status),
      ping: (id) => this.#pinged(id),
      headers: (id, fin) => this.#streams.get(id)?.deliver(Buffer.alloc(0), fin),
    });
    this.#decoder = new FrameDecoder({
      control: (type, flags, payload) => {
        this.#throttle();
        control.read(type, flags, payload);
      },
      data: (id, piece, fin) => this.#received(id, piece, fin),
    });
    transport.on("error", (error) => this.destroy(error));
    transport.on("end", () => this.destroy());
    transport.on("close", () => this.destroy());
  }

  /** Begins to read. `head` is what the transport had already given when it was taken over. */
  start(head: Buffer = Buffer.alloc(0)): void {
    if (head.length > 0) this.#read(head);
    this.#transport.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** Opens a stream. Its `accepted` tells whether the peer took it. */
  open(headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(this.#nextStreamId, headers, this.#link);
    this.#nextStreamId += 2;
    this.#streams.set(stream.id, stream);
    this.#send(synStreamFrame(stream.id, this.#headers.wrap(encodeHeaders(headers))));
    return stream;
  }

  /** Says good-bye behind all that was written, then waits for the peer to close, for two minutes after the last byte has left. Idempotent. */
  async end(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "ending";
      this.#gate.write([goAwayFrame(this.#lastReceivedId)]);
      this.#stopPinging();
      this.#transport.end(() => {
        if (this.#state === "ending") this.#timer = setTimeout(() => this.destroy(), lingerMs).unref();
      });
      // Closing a socket with unread bytes makes the kernel drop what the peer has not yet read, so reading goes on.
      this.#transport.resume();
    }
    await this.closed;
  }

  /** Drops the connection and all its streams. Idempotent. */
  destroy(reason?: Error): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#timer);
    clearTimeout(this.#throttleTimer);
    this.#transport.destroy();
    for (const stream of this.#streams.values()) stream.connectionLost(reason);
    this.#streams.clear();
    this.#closing.resolve(reason);
  }

  #createLink(): StreamLink {
    return {
      sendData: (id, data, fin, done) => {
        this.#options.onActivity?.();
        this.#gate.write(data.length > 0 ? [dataHeader(id, data.length, fin), data] : [dataHeader(id, 0, fin)], done);
      },
      sendReply: (id) => this.#send(synReplyFrame(id, this.#headers.wrap(encodeHeaders(new Map())))),
      sendReset: (id, status) => this.#send(rstStreamFrame(id, status)),
      hold: (stream) => this.#budget.hold(stream),
      release: (stream) => {
        this.#budget.release(stream);
        this.#balance();
      },
      forget: (stream) => {
        this.#streams.delete(stream.id);
        this.#budget.release(stream);
        this.#balance();
      },
    };
  }

  #read(chunk: Buffer): void {
    this.#options.onActivity?.();
    if (this.#state !== "open") return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.destroy(error as Error);
    }
    this.#balance();
  }

  #opened(id: number, headers: SpdyHeaders, fin: boolean): void {
    if (this.#state !== "open") return; // what an earlier frame of the same chunk brought about
    const parity = this.#options.role === "server" ? 1 : 0;
    if (id % 2 !== parity || id <= this.#lastReceivedId) {
      throw new StatusError(Code.InvalidArgument, `opening SPDY stream ${id}: not a new number of the peer's`);
    }
    this.#lastReceivedId = id;
    if (this.#streams.size >= (this.#options.maxStreams ?? 1024))
      return this.#send(rstStreamFrame(id, ResetStatus.RefusedStream));
    const stream = new SpdyStream(id, headers, this.#link);
    this.#streams.set(id, stream);
    if (this.#options.onStream === undefined) return stream.refuse(ResetStatus.RefusedStream);
    this.#options.onStream(stream);
    if (fin) stream.deliver(Buffer.alloc(0), true);
  }

  #replied(id: number, fin: boolean): void {
    const stream = this.#streams.get(id);
    stream?.acceptReceived();
    if (fin) stream?.deliver(Buffer.alloc(0), true);
  }

  #received(id: number, piece: Buffer, fin: boolean): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream.deliver(piece, fin);
    // A stream that is over here may still be written by the peer, which cannot know yet.
    const known = id % 2 === this.#nextStreamId % 2 ? id < this.#nextStreamId : id <= this.#lastReceivedId;
    if (!known) throw new StatusError(Code.InvalidArgument, `reading data of SPDY stream ${id}: it was never opened`);
  }

  #pinged(id: number): void {
    if (id % 2 !== this.#nextStreamId % 2) this.#send(pingFrame(id));
  }

  #send(frame: Buffer): void {
    if (this.#state !== "open") return;
    this.#gate.write([frame]);
    if (this.#gate.backlog > maxBacklogBytes) {
      this.destroy(new StatusError(Code.ResourceExhausted, "answering a SPDY client: it does not read its answers"));
    }
  }

  #throttle(): void {
    const waitMs = this.#rate.note(performance.now());
    if (waitMs === 0 || this.#throttleTimer !== undefined) return;
    this.#throttleTimer = setTimeout(() => {
      this.#throttleTimer = undefined;
      this.#balance();
    }, waitMs).unref();
  }

  /** Stops or goes on reading, as the readers of the streams are able to follow. */
  #balance(): void {
    if (this.#state !== "open") return;
    const mustWait = this.#budget.isExhausted || this.#throttleTimer !== undefined;
    if (mustWait === this.#transport.isPaused()) return;
    if (mustWait) {
      this.#transport.pause();
      this.#timer = setInterval(() => this.#send(pingFrame(this.#options.role === "client" ? 1 : 2)), pingMs).unref();
    } else {
      this.#stopPinging();
      this.#transport.resume();
    }
  }

  #stopPinging(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
