import { type ClientHttp2Session, connect } from "node:http2";
import type { Duplex } from "node:stream";

import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import { type CallSession, GrpcCall } from "./grpc-call.ts";
import type { ConnectionCallOptions, GrpcConnection, GrpcStream } from "./types.ts";

/**
 * Speaks gRPC over a connected socket, which from now on belongs to the connection. For sockets that grpc-js cannot dial (of virtual
 * machines, or in another network namespace), and where the loss of a connection must be seen.
 */
export function openGrpcConnection(socket: Duplex): GrpcConnection {
  return new Connection(socket);
}

class Connection implements GrpcConnection, CallSession {
  readonly http: ClientHttp2Session;
  readonly closed: Promise<StatusError>;
  #failure: StatusError | undefined;
  #why = "by the peer";

  constructor(socket: Duplex) {
    const { promise, resolve } = Promise.withResolvers<StatusError>();
    this.closed = promise;
    this.http = connect("http://localhost", { createConnection: () => socket });
    this.http.on("error", (error) => (this.#why = error.message));
    socket.on("error", (error) => (this.#why = error.message));
    // A peer that says so takes no new calls; those that run may end.
    this.http.on("goaway", () => (this.#failure ??= this.#lost("the peer goes away")));
    const end = (): void => resolve((this.#failure ??= this.#lost(`closed ${this.#why}`)));
    this.http.on("close", end);
    if (socket.destroyed) queueMicrotask(end);
  }

  /** Streams are told of their end before the session is. */
  get failure(): StatusError | undefined {
    return this.http.destroyed ? (this.#failure ??= this.#lost(`closed ${this.#why}`)) : this.#failure;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: ConnectionCallOptions = {},
  ): Promise<MessageShape<O>> {
    const call = new GrpcCall<I, O>(this, method, options);
    call.send(request).then(
      () => call.closeSend(),
      (error: StatusError) => call.fail(error),
    );
    return await call.answer();
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    options: ConnectionCallOptions = {},
  ): GrpcStream<I, O> {
    return new GrpcCall<I, O>(this, method, options);
  }

  async close(): Promise<void> {
    this.#why = "by this side";
    this.#failure ??= this.#lost(`closed ${this.#why}`);
    this.http.destroy();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #lost(why: string): StatusError {
    return new StatusError(Code.Unavailable, `gRPC connection: ${why}`);
  }
}
