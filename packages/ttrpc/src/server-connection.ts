import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { Connection } from "./connection.ts";
import { decodeRequest, encodeResponse, type RequestEnvelope } from "./envelope.ts";
import type { ReceivedFrame } from "./frame-reader.ts";
import { FrameType } from "./frame.ts";
import type { RegisteredServices } from "./registered-services.ts";
import { statusOf } from "./remote-error.ts";
import { ServerCall } from "./server-call.ts";

/** Limits with their defaults filled in. */
export interface ServerLimits {
  readonly maxMessageBytes: number;
  readonly maxCallsPerConnection: number;
  readonly stallMs: number;
}

/** The server's half of the protocol on one socket. */
export class ServerConnection {
  /** Resolves once the socket is lost or closed. */
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #services: RegisteredServices;
  readonly #limits: ServerLimits;
  readonly #connection: Connection;
  readonly #calls = new Map<number, ServerCall>();
  readonly #idleWaiters: (() => void)[] = [];
  #lastStreamId = 0;
  #closing = false;

  constructor(socket: Duplex, services: RegisteredServices, limits: ServerLimits) {
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.#socket = socket;
    this.#services = services;
    this.#limits = limits;
    this.#connection = new Connection(socket, {
      maxMessageBytes: limits.maxMessageBytes,
      // A peer that calls and does not read its answers is not read either, so what waits for it is bounded.
      holdWhenBlocked: true,
      onFrame: (frame) => this.#route(frame),
      onClosed: (reason) => {
        for (const call of this.#calls.values()) call.abort(reason);
        closed.resolve();
      },
    });
  }

  /** Refuses new calls, waits up to `graceMs` for the running ones, and closes the socket. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (graceMs > 0 && this.#calls.size > 0 && this.#connection.failure === undefined) await this.#idle(graceMs);
    await this.#connection.close();
  }

  async #idle(graceMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idleWaiters.push(resolve);
    const timer = setTimeout(resolve, graceMs);
    void this.closed.then(resolve);
    await promise;
    clearTimeout(timer);
  }

  #route(frame: ReceivedFrame): void {
    try {
      if (frame.payload === undefined) this.#refuseTooLong(frame);
      else if (frame.streamId % 2 === 0) throw invalid(`stream id ${frame.streamId} is not odd, as a client's must be`);
      else if (frame.type === FrameType.Request) this.#open(frame, frame.payload);
      else if (frame.type === FrameType.Data) this.#receive(frame, frame.payload);
    } catch (error) {
      this.#refuse(frame.streamId, error);
    }
    if (frame.type !== FrameType.Request && frame.type !== FrameType.Data) {
      throw new Error(`frame of type ${frame.type} from a client`);
    }
  }

  #refuseTooLong(frame: ReceivedFrame): void {
    const what = `a message of ${frame.payloadBytes} bytes is over the limit of ${this.#limits.maxMessageBytes}`;
    const error = new StatusError(Code.ResourceExhausted, what);
    const call = this.#calls.get(frame.streamId);
    if (call === undefined) throw error;
    call.stop(error);
  }

  #open(frame: ReceivedFrame, payload: Uint8Array): void {
    const { streamId } = frame;
    if (streamId <= this.#lastStreamId)
      throw invalid(`stream id ${streamId} is not above ${this.#lastStreamId}, the last one`);
    this.#lastStreamId = streamId;
    if (this.#closing) throw new StatusError(Code.Unavailable, "the server is closing");
    const request = decode(payload);
    const target = this.#services.get(request.service, request.method);
    if (this.#calls.size >= this.#limits.maxCallsPerConnection) {
      throw new StatusError(Code.ResourceExhausted, `this connection has ${this.#calls.size} calls running, its limit`);
    }
    const call = new ServerCall({
      streamId,
      target,
      request,
      requestFlags: frame.flags,
      connection: this.#connection,
      socket: this.#socket,
      maxMessageBytes: this.#limits.maxMessageBytes,
      stallMs: this.#limits.stallMs,
    });
    this.#calls.set(streamId, call);
    void call.run().finally(() => {
      this.#calls.delete(streamId);
      if (this.#calls.size === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
    });
  }

  #receive(frame: ReceivedFrame, payload: Uint8Array): void {
    const call = this.#calls.get(frame.streamId);
    if (call === undefined) throw invalid(`stream id ${frame.streamId} is not active`);
    call.receive(frame, payload);
  }

  #refuse(streamId: number, error: unknown): void {
    const payload = encodeResponse({ status: statusOf(error), payload: new Uint8Array(0) });
    this.#connection.send({ streamId, type: FrameType.Response, flags: 0, payload });
  }
}

function decode(payload: Uint8Array): RequestEnvelope {
  try {
    return decodeRequest(payload);
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, "the request cannot be decoded", { cause });
  }
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, message);
}
