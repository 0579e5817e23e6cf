import type { Server } from "node:net";
import type { Duplex } from "node:stream";

import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { StatusError } from "@crib/errdefs";

/** Pairs that travel with a call. Keys are sent in lower case and may repeat. */
export type MetadataEntries = Iterable<readonly [key: string, value: string]>;

/** What bounds one call, and what travels with it. */
export interface CallOptions {
  /** Ends the caller's wait with `Canceled`. The protocol has no cancel message: the server is not told. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the call with `DeadlineExceeded` after this many milliseconds; sent to the server. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Replaces the client's own entries of the same key. */
  readonly metadata?: MetadataEntries | undefined;
}

/** Options of a client, all with defaults. */
export interface ClientOptions {
  /** Largest frame sent or accepted, in bytes. Default: 4 MiB, containerd's limit. */
  readonly maxMessageBytes?: number | undefined;
  /** Sent with every call. Default: none. */
  readonly metadata?: MetadataEntries | undefined;
}

/** Options of `connectTtrpc`. The signal and the time limit are for connecting; calls have their own. */
export interface ConnectOptions extends ClientOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: none; a unix socket answers or refuses at once unless its backlog is full. */
  readonly timeoutMs?: number | undefined;
}

/**
 * One connection to a server. Any number of calls run at the same time. When the connection is lost, pending and later
 * calls fail with `Unavailable`; a client does not reconnect.
 */
export interface TtrpcClient extends AsyncDisposable {
  /** Resolves, and never rejects, with the reason once the connection is lost or closed. */
  readonly closed: Promise<StatusError>;
  /**
   * Calls a method. The service's name on the wire is that of the method's own service.
   * Fails with the server's status (`RemoteError`, if it sent details they are on it), `ResourceExhausted` for a message
   * over the limit in either direction, `Canceled` or `DeadlineExceeded` when the caller gave up: the answer, should it
   * come, is dropped.
   */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  /**
   * Opens a stream. Never throws: failures show where the stream is used.
   * For a method that takes one request, the call starts with the first `send`.
   */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    options?: CallOptions,
  ): TtrpcClientStream<I, O>;
  /** Calls a method that takes one request and answers with many. */
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  /** Fails pending calls with `Unavailable` and resolves once the socket is closed. Repeating it is harmless. */
  close(): Promise<void>;
}

/** The client's side of a stream. */
export interface TtrpcClientStream<I extends DescMessage, O extends DescMessage> {
  /**
   * Sends a message; resolves when the socket takes more. Fails with the stream's own error once it has failed, and with
   * `FailedPrecondition` after `closeSend` or when the server has ended the stream.
   */
  send(message: MessageInitShape<I>): Promise<void>;
  /** Says that no message follows. Repeating it is harmless. */
  closeSend(): Promise<void>;
  /**
   * What the server sends; ends, or throws, when the stream does. Read by one consumer. Up to 64 messages wait for it,
   * then the connection is no longer read. Leaving the loop early abandons the stream.
   */
  readonly responses: AsyncIterableIterator<MessageShape<O>>;
}

/** What a handler knows of its call. */
export interface HandlerContext {
  /** Aborted when the connection is lost, the caller's deadline has passed or the stream has failed. */
  readonly signal: AbortSignal;
  /** Values by key, in lower case, in the order they were sent. */
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  /** The connection the call came by. Only to ask about the peer: reading or writing breaks the protocol. */
  readonly socket: Duplex;
}

/** A handler of one method, by the method's kind. What it throws is sent: a numeric gRPC `code` as it is, else `Unknown`. */
export type MethodHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: HandlerContext) => Promise<MessageInitShape<O>> | MessageInitShape<O>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: HandlerContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterableIterator<MessageShape<I>>, context: HandlerContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterableIterator<MessageShape<I>>,
              context: HandlerContext,
            ) => AsyncIterable<MessageInitShape<O>>
          : never;

/** Handlers of a service by local method name. A method without one is `Unimplemented`. */
export type ServiceHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]?: MethodHandler<S["method"][K]>;
};

/** Options of a server, all with defaults. */
export interface ServerOptions {
  /** Largest frame sent or accepted, in bytes. Default: 4 MiB, containerd's limit. */
  readonly maxMessageBytes?: number | undefined;
  /** Calls that one connection may have running; more are `ResourceExhausted`. Default: 4096. */
  readonly maxCallsPerConnection?: number | undefined;
  /** How long a stream may leave its 64 waiting messages untouched, in milliseconds, before it fails. Default: 1000. */
  readonly stallMs?: number | undefined;
}

/** Serves services on any number of sockets. */
export interface TtrpcServer extends AsyncDisposable {
  /** Adds a service. A second one of the same name fails with `AlreadyExists`. */
  handle<S extends DescService>(service: S, handlers: ServiceHandlers<S>): void;
  /** Serves one connection, or every connection that a listener accepts from now on. */
  serve(listenerOrSocket: Server | Duplex): void;
  /**
   * Closes the listeners it serves, gives running calls up to `graceMs` (default 0) to answer, then drops all connections;
   * their handlers' signals are aborted. Resolves when all sockets are closed. Repeating it is harmless.
   */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>;
}
