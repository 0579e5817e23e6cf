import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { FrameReader, type ReceivedFrame } from "./frame-reader.ts";
import { encodeFrame, type Frame } from "./frame.ts";

/** What a connection does with what it reads. */
export interface ConnectionOptions {
  readonly maxMessageBytes: number;
  /** Takes one frame. What it throws is a violation of the protocol and closes the connection. */
  readonly onFrame: (frame: ReceivedFrame) => void;
  /** Called once, when nothing more can be read or sent. */
  readonly onClosed: (reason: StatusError) => void;
  /** Whether to read nothing while the peer does not read what was sent to it. */
  readonly holdWhenBlocked: boolean;
}

/** How long closing waits for sent frames to leave, before the socket is destroyed. */
const flushMs = 1_000;

/** Frames over a socket, with back-pressure in both directions. No event of the socket makes it throw. */
export class Connection {
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #drainWaiters = new Set<{ resolve(): void; reject(reason: StatusError): void }>();
  readonly #socketClosed = Promise.withResolvers<void>();
  #failure: StatusError | undefined;
  #lossReason = "by the peer";
  #holds = 0;
  #blocked = false;
  #pumping = false;

  constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.maxMessageBytes);
    if (socket.destroyed) {
      // Its events are over; the owner must not hear of it before it has the object.
      this.#socketClosed.resolve();
      queueMicrotask(() => this.#onSocketClose());
      return;
    }
    socket.on("error", (error) => (this.#lossReason = error.message));
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onSocketClose());
    socket.on("drain", () => this.#onDrain());
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#failure !== undefined) return;
      this.#reader.push(chunk);
      this.#pump(false);
    });
    socket.resume();
  }

  /** Why nothing can be sent any more. */
  get failure(): StatusError | undefined {
    return this.#failure;
  }

  /** Whether the socket has more to write than it wants to hold. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Throws `ResourceExhausted`, after `doing`, if `payload` is over the limit. */
  assertFits(payload: Uint8Array, doing: string): void {
    const limit = this.#options.maxMessageBytes;
    if (payload.length <= limit) return;
    throw new StatusError(
      Code.ResourceExhausted,
      `${doing}: a message of ${payload.length} bytes is over the limit of ${limit}`,
    );
  }

  /** Hands a frame to the socket. After a failure it throws that. */
  send(frame: Frame): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#socket.write(encodeFrame(frame)) || this.#blocked) return;
    this.#blocked = true;
    if (this.#options.holdWhenBlocked) this.#drainWaiters.add({ resolve: this.hold(), reject: () => {} });
  }

  /** Resolves when the socket takes more; rejects when the connection is lost. Look at `blocked` again afterwards. */
  drained(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.#blocked) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#drainWaiters.add({ resolve, reject });
    return promise;
  }

  /** Stops reading until the returned function is called, once, and every other hold is released too. */
  hold(): () => void {
    if (this.#holds++ === 0) this.#socket.pause();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holds > 0) return;
      this.#pump(false);
      if (this.#holds === 0) this.#socket.resume();
    };
  }

  /** Drops the connection for a reason of this side. */
  fail(reason: StatusError): void {
    this.#finish(reason);
    this.#socket.destroy();
  }

  /** Closes after what was sent has left, or a second later; resolves when the socket is closed. */
  close(): Promise<void> {
    this.#finish(closedError("by this side"));
    this.#closeSocket();
    return this.#socketClosed.promise;
  }

  #closeSocket(): void {
    if (this.#socket.destroyed) return;
    const timer = setTimeout(() => this.#socket.destroy(), flushMs);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroy());
  }

  #pump(ignoreHolds: boolean): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        if (this.#failure !== undefined || (this.#holds > 0 && !ignoreHolds)) break;
        const frame = this.#reader.next();
        if (frame === undefined) break;
        this.#options.onFrame(frame);
      }
    } catch (error) {
      this.fail(closedError(error instanceof Error ? error.message : String(error), error));
    } finally {
      this.#pumping = false;
    }
  }

  #onEnd(): void {
    // Frames that were held back arrived before the loss, so they count; there is no more than one chunk of them.
    this.#pump(true);
    this.#finish(closedError(this.#reader.insideFrame ? "by the peer in the middle of a frame" : "by the peer"));
    this.#closeSocket();
  }

  #onSocketClose(): void {
    this.#socketClosed.resolve();
    this.#pump(true);
    this.#finish(closedError(this.#lossReason));
  }

  #onDrain(): void {
    this.#blocked = false;
    const waiters = [...this.#drainWaiters];
    this.#drainWaiters.clear();
    for (const waiter of waiters) waiter.resolve();
  }

  #finish(reason: StatusError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    for (const waiter of this.#drainWaiters) waiter.reject(reason);
    this.#drainWaiters.clear();
    this.#options.onClosed(reason);
  }
}

function closedError(why: string, cause?: unknown): StatusError {
  return new StatusError(Code.Unavailable, `ttrpc: connection closed: ${why}`, cause === undefined ? {} : { cause });
}
