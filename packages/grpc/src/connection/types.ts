import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { StatusError } from "@crib/errdefs";

/** What bounds one call over a `GrpcConnection`, and what travels with it. */
export interface ConnectionCallOptions {
  /** Cancels the call, at the server too. It fails with the class of the reason, else Canceled. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the call with DeadlineExceeded after this many milliseconds; sent to the server. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Sent as headers, in lower case. */
  readonly metadata?: Iterable<readonly [key: string, value: string]> | undefined;
}

/**
 * gRPC over one connected socket, whatever kind it is: no name is resolved, and nothing is dialled again. Any number of calls run at the
 * same time. When the connection is lost, pending and later calls fail with Unavailable.
 */
export interface GrpcConnection extends AsyncDisposable {
  /** Resolves, and never rejects, with the reason once the connection is lost or closed. */
  readonly closed: Promise<StatusError>;
  /** Calls a method. Fails with the server's status, Canceled or DeadlineExceeded when the caller gave up. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: ConnectionCallOptions,
  ): Promise<MessageShape<O>>;
  /** Opens a stream. Never throws: failures show where the stream is used. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    options?: ConnectionCallOptions,
  ): GrpcStream<I, O>;
  /** Fails pending calls with Unavailable and resolves once the socket is closed. Repeating it is harmless. */
  close(): Promise<void>;
}

/** The client's side of a stream that goes both ways. */
export interface GrpcStream<I extends DescMessage, O extends DescMessage> {
  /** Settles when flow control has let the message go. Fails with the call's own error, or FailedPrecondition after the server's end. */
  send(message: MessageInitShape<I>): Promise<void>;
  /** Says that no message follows. Repeating it is harmless. */
  closeSend(): Promise<void>;
  /** What the server sends, as fast as it is read; ends, or throws, when the call does. One consumer. Leaving it early cancels the call. */
  readonly responses: AsyncIterableIterator<MessageShape<O>>;
}
