import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import { CallScope } from "./call-scope.ts";
import type { ClientConnection, FrameReceiver } from "./client-connection.ts";
import type { ReceivedFrame } from "./frame-reader.ts";
import { FrameFlag, FrameType } from "./frame.ts";
import { MessageQueue } from "./message-queue.ts";
import { callingMethod, decodeMessage, encodeMessage } from "./method-messages.ts";
import { framePayload, readResponse } from "./read-response.ts";
import { maxWaitingMessages, waitingMessageSizes } from "./stream-limits.ts";
import type { CallOptions, TtrpcClientStream } from "./types.ts";

/** The client's side of one stream. */
export class ClientStream<I extends DescMessage, O extends DescMessage>
  implements TtrpcClientStream<I, O>, FrameReceiver
{
  readonly responses: MessageQueue<MessageShape<O>>;
  readonly #client: ClientConnection;
  readonly #method: DescMethodStreaming<I, O>;
  readonly #doing: string;
  readonly #metadata: CallOptions["metadata"];
  readonly #scope: CallScope;
  readonly #blockedSends = new Set<() => void>();
  #streamId: number | undefined;
  #sendClosed = false;
  /** Why nothing can be sent any more: an error, or the end that the server made. */
  #ended: StatusError | undefined;

  constructor(client: ClientConnection, method: DescMethodStreaming<I, O>, options: CallOptions) {
    this.#client = client;
    this.#method = method;
    this.#doing = callingMethod(method);
    this.#metadata = options.metadata;
    let release: (() => void) | undefined;
    this.responses = new MessageQueue({
      limit: maxWaitingMessages,
      limitBytes: waitingMessageSizes * client.maxMessageBytes,
      onFull: () => (release = client.connection.hold()),
      onRoom: () => release?.(),
      onAbandon: () => this.#end(new StatusError(Code.Canceled, `${this.#doing}: the responses were abandoned`)),
    });
    this.#scope = new CallScope(this.#doing, options);
    this.#scope.whenAbandoned((reason) => this.fail(reason, { discard: true }));
    // Where the client streams, the server may speak first; else the only request opens the stream.
    if (method.methodKind !== "server_streaming") this.#guard(() => this.#open(FrameFlag.RemoteOpen, undefined));
  }

  async send(message: MessageInitShape<I>): Promise<void> {
    while (this.#mustWait) await this.#room();
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#sendClosed)
      throw new StatusError(Code.FailedPrecondition, `${this.#doing}: nothing can be sent after the end`);
    const payload = encodeMessage(this.#method.input, message, this.#doing);
    if (this.#method.methodKind === "server_streaming") {
      this.#sendClosed = true;
      this.#guard(() => this.#open(FrameFlag.RemoteClosed, payload));
      if (this.#ended !== undefined) throw this.#ended;
    } else {
      this.#client.connection.assertFits(payload, this.#doing);
      this.#sendData(0, payload);
    }
    while (this.#mustWait) await this.#room();
  }

  async closeSend(): Promise<void> {
    if (this.#sendClosed || this.#ended !== undefined) return;
    if (this.#method.methodKind === "server_streaming") {
      throw new StatusError(Code.FailedPrecondition, `${this.#doing}: the request is not sent yet`);
    }
    this.#sendClosed = true;
    this.#sendData(FrameFlag.RemoteClosed | FrameFlag.NoData, new Uint8Array(0));
    while (this.#mustWait) await this.#room();
  }

  receive(frame: ReceivedFrame): void {
    this.#guard(() => {
      const payload = frame.type === FrameType.Data ? framePayload(frame, this.#method) : undefined;
      if (payload === undefined) this.#receiveResponse(frame);
      else if (this.#method.methodKind === "client_streaming") readResponse(frame, this.#method);
      else {
        if ((frame.flags & FrameFlag.NoData) === 0) this.#push(payload);
        if ((frame.flags & FrameFlag.RemoteClosed) !== 0) this.#finish();
      }
    });
  }

  lose(reason: StatusError): void {
    this.fail(reason, { discard: false });
  }

  #receiveResponse(frame: ReceivedFrame): void {
    const payload = readResponse(frame, this.#method);
    // A method that answers once always answers; one that streams may end by a response without a message.
    if (this.#method.methodKind === "client_streaming" || payload.length > 0) this.#push(payload);
    this.#finish();
  }

  #push(payload: Uint8Array): void {
    this.responses.push(decodeMessage(this.#method.output, payload, this.#doing, Code.Internal), payload.length);
  }

  #open(flags: number, payload: Uint8Array | undefined): void {
    if (this.#ended !== undefined) return;
    const request = { method: this.#method, flags, payload, metadata: this.#metadata, scope: this.#scope };
    this.#streamId = this.#client.open(request, this);
  }

  #sendData(flags: number, payload: Uint8Array): void {
    // Only a stream that failed to open has no id, and it has ended.
    const streamId = this.#streamId ?? 0;
    this.#client.connection.send({ streamId, type: FrameType.Data, flags, payload });
  }

  get #mustWait(): boolean {
    return this.#client.connection.blocked && this.#ended === undefined;
  }

  /** Waits until the socket drains or the stream is over. */
  async #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#blockedSends.add(resolve);
    this.#client.connection.drained().then(resolve, resolve);
    await promise;
    this.#blockedSends.delete(resolve);
  }

  #finish(): void {
    this.#end(new StatusError(Code.FailedPrecondition, `${this.#doing}: the server has ended the stream`));
    this.responses.end();
  }

  /** Ends the stream with an error, after the messages that wait or instead of them. */
  fail(reason: StatusError, options: { readonly discard: boolean }): void {
    this.#end(reason);
    this.responses.fail(reason, options);
  }

  #end(reason: StatusError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    if (this.#streamId !== undefined) this.#client.leave(this.#streamId);
    this.#scope[Symbol.dispose]();
    for (const wake of this.#blockedSends) wake();
  }

  /** What goes wrong in a step fails the stream. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(StatusError.from(error), { discard: false });
    }
  }
}
