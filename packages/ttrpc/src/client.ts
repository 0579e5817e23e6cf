import type { Duplex } from "node:stream";

import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, type StatusError } from "@crib/errdefs";

import { CallScope } from "./call-scope.ts";
import { ClientConnection, type OpenRequest } from "./client-connection.ts";
import { ClientStream } from "./client-stream.ts";
import { callingMethod, decodeMessage, encodeMessage } from "./method-messages.ts";
import { readResponse } from "./read-response.ts";
import type { CallOptions, ClientOptions, TtrpcClient, TtrpcClientStream } from "./types.ts";

/** Speaks ttrpc over a connected socket, which from now on belongs to the client. */
export function openTtrpcClient(socket: Duplex, options: ClientOptions = {}): TtrpcClient {
  return new Client(new ClientConnection(socket, options));
}

class Client implements TtrpcClient {
  readonly closed: Promise<StatusError>;
  readonly #client: ClientConnection;

  constructor(client: ClientConnection) {
    this.#client = client;
    this.closed = client.closed;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const doing = callingMethod(method);
    using scope = new CallScope(doing, options);
    if (scope.reason !== undefined) throw scope.reason;
    const payload = encodeMessage(method.input, request, doing);
    // Where nothing has to be waited for, requests leave in the order of the calls.
    while (this.#client.connection.blocked) await this.#client.drained(scope);
    const response = await this.#exchange({ method, flags: 0, payload, metadata: options.metadata, scope });
    return decodeMessage(method.output, response, doing, Code.Internal);
  }

  #exchange(request: OpenRequest): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const streamId = this.#client.open(request, {
        receive: (frame) => {
          this.#client.leave(streamId);
          try {
            resolve(readResponse(frame, request.method));
          } catch (error) {
            reject(error);
          }
        },
        lose: reject,
      });
      request.scope.whenAbandoned((reason) => {
        this.#client.leave(streamId);
        reject(reason);
      });
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    options: CallOptions = {},
  ): TtrpcClientStream<I, O> {
    return new ClientStream(this.#client, method, options);
  }

  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncIterable<MessageShape<O>> {
    const stream = new ClientStream(this.#client, method, options);
    // A request that cannot be sent fails the stream, which is where the consumer learns of it.
    stream.send(request).catch((error: StatusError) => stream.fail(error, { discard: false }));
    return stream.responses;
  }

  close(): Promise<void> {
    return this.#client.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
