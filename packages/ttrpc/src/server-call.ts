import type { Duplex } from "node:stream";

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import type { Connection } from "./connection.ts";
import { encodeResponse, type RequestEnvelope, type RpcStatus } from "./envelope.ts";
import type { ReceivedFrame } from "./frame-reader.ts";
import { FrameFlag, FrameType } from "./frame.ts";
import type { MessageQueue } from "./message-queue.ts";
import { groupMetadata } from "./metadata.ts";
import { decodeMessage, encodeMessage } from "./method-messages.ts";
import type { RegisteredMethod } from "./registered-services.ts";
import { statusOf } from "./remote-error.ts";
import { requestQueue } from "./request-queue.ts";
import type { HandlerContext } from "./types.ts";

/** What a call is made of. */
export interface ServerCallOptions {
  readonly streamId: number;
  readonly target: RegisteredMethod;
  readonly request: RequestEnvelope;
  readonly requestFlags: number;
  readonly connection: Connection;
  readonly socket: Duplex;
  readonly maxMessageBytes: number;
  readonly stallMs: number;
}

const noPayload = new Uint8Array(0);

/** How much of a message is kept when a status is too large to be sent. */
const shortMessageLength = 1_024;

/** One call on the server's side, from the request to the response. */
export class ServerCall {
  readonly #options: ServerCallOptions;
  readonly #abort = new AbortController();
  readonly #requests: MessageQueue<unknown> | undefined;
  readonly #doing: string;
  #deadline: NodeJS.Timeout | undefined;
  #answered = false;

  constructor(options: ServerCallOptions) {
    this.#options = options;
    const { method } = options.target;
    this.#doing = `serving "${method.parent.typeName}/${method.name}"`;
    if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
      this.#requests = requestQueue(options, (reason) => this.stop(reason));
    }
  }

  /** Runs the handler and answers. Never rejects. */
  async run(): Promise<void> {
    this.#startDeadline();
    try {
      await this.#handle();
    } catch (error) {
      const status = statusOf(error);
      await this.#answer({ status, payload: noPayload }).catch(() => this.#answerNow(shortened(status)));
    } finally {
      clearTimeout(this.#deadline);
      await this.#requests?.return();
    }
  }

  /** Takes a data frame of the stream; one that cannot be used stops the call. */
  receive(frame: ReceivedFrame, payload: Uint8Array): void {
    if (this.#answered) return;
    try {
      if (this.#requests === undefined)
        throw new StatusError(Code.InvalidArgument, `${this.#doing}: it takes one request`);
      if ((frame.flags & FrameFlag.NoData) === 0) this.#push(payload);
      if ((frame.flags & FrameFlag.RemoteClosed) !== 0) this.#requests.end();
    } catch (error) {
      this.stop(StatusError.from(error));
    }
  }

  /** Tells the handler that nobody waits any more. */
  abort(reason: StatusError): void {
    // A handler that does not end must not keep the process alive until its deadline.
    clearTimeout(this.#deadline);
    this.#requests?.fail(reason, { discard: true });
    this.#abort.abort(reason);
  }

  /** Ends the call for a reason of the stream: the peer is told now, whatever the handler does. */
  stop(reason: StatusError): void {
    this.#answerNow(statusOf(reason));
    this.abort(reason);
  }

  #answerNow(status: RpcStatus): void {
    if (this.#answered) return;
    this.#answered = true;
    // With the connection lost there is nobody to tell.
    if (this.#options.connection.failure === undefined)
      this.#send(FrameType.Response, 0, encodeResponse({ status, payload: noPayload }));
  }

  async #handle(): Promise<void> {
    const { method, handler } = this.#options.target;
    const input = this.#input();
    const result = handler(input, this.#context());
    switch (method.methodKind) {
      case "unary":
      case "client_streaming": {
        const payload = encodeMessage(method.output, (await result) as MessageInitShape<DescMessage>, this.#doing);
        await this.#answer({ status: undefined, payload });
        break;
      }
      case "server_streaming":
      case "bidi_streaming":
        await this.#stream(result as AsyncIterable<MessageInitShape<DescMessage>>);
        break;
    }
  }

  #input(): unknown {
    const { target, request, requestFlags } = this.#options;
    if (this.#requests === undefined) {
      return decodeMessage(target.method.input, request.payload ?? noPayload, this.#doing, Code.InvalidArgument);
    }
    // A streaming client may put its first message into the request; an absent payload is none, not an empty message.
    if (request.payload !== undefined) this.#push(request.payload);
    if ((requestFlags & FrameFlag.RemoteClosed) !== 0) this.#requests.end();
    return this.#requests;
  }

  #push(payload: Uint8Array): void {
    const { input } = this.#options.target.method;
    this.#requests?.push(decodeMessage(input, payload, this.#doing, Code.InvalidArgument), payload.length);
  }

  #context(): HandlerContext {
    const { request, socket } = this.#options;
    return { signal: this.#abort.signal, metadata: groupMetadata(request.metadata), socket };
  }

  async #stream(messages: AsyncIterable<MessageInitShape<DescMessage>>): Promise<void> {
    const { connection, target } = this.#options;
    for await (const message of messages) {
      this.#abort.signal.throwIfAborted();
      const payload = encodeMessage(target.method.output, message, this.#doing);
      connection.assertFits(payload, this.#doing);
      while (connection.blocked) await connection.drained();
      if (this.#answered) return;
      this.#send(FrameType.Data, 0, payload);
    }
    while (connection.blocked) await connection.drained();
    if (this.#answered) return;
    this.#answered = true;
    this.#send(FrameType.Data, FrameFlag.RemoteClosed | FrameFlag.NoData, noPayload);
  }

  async #answer(response: { readonly status: RpcStatus | undefined; readonly payload: Uint8Array }): Promise<void> {
    const { connection } = this.#options;
    const payload = encodeResponse(response);
    connection.assertFits(payload, this.#doing);
    // No turn may lie between this look and the frame, or all calls that finish together would write at once.
    while (connection.blocked) await connection.drained();
    if (this.#answered) return;
    this.#answered = true;
    this.#send(FrameType.Response, 0, payload);
  }

  #send(type: number, flags: number, payload: Uint8Array): void {
    this.#options.connection.send({ streamId: this.#options.streamId, type, flags, payload });
  }

  #startDeadline(): void {
    const { timeoutNano } = this.#options.request;
    if (timeoutNano === 0n) return;
    // Timers take no longer delay; a call of 24 days has other worries.
    const delay = Math.min(Number(timeoutNano / 1_000_000n), 2 ** 31 - 1);
    const late = new StatusError(Code.DeadlineExceeded, `${this.#doing}: the caller's deadline has passed`);
    this.#deadline = setTimeout(() => this.abort(late), delay);
  }
}

function shortened(status: RpcStatus): RpcStatus {
  return { code: status.code, message: status.message.slice(0, shortMessageLength), details: [] };
}
