import type { DescMethod } from "@bufbuild/protobuf";
import { Code, StatusError, toCode } from "@crib/errdefs";
import { type CallOptions as GrpcCallOptions, Metadata, type ServiceError } from "@grpc/grpc-js";

/** Options of one call. */
export interface CallOptions {
  /** Aborting it cancels the call, at the server too. It fails with the class of the reason, else Canceled. */
  readonly signal?: AbortSignal;
  /** Milliseconds until DeadlineExceeded; 0 is none. Default: that of the client. */
  readonly timeoutMs?: number;
  /** Headers of this call, in lower case; they replace those of the client that have the same name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What holds for every call of a client. */
export interface ClientOptions {
  /** Milliseconds that a call with one answer may take when it does not say itself; 0 is none. Default 0. */
  readonly timeoutMs?: number;
  /** Headers of every call, in lower case, such as `containerd-namespace`. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The headers of a call. */
export function metadataOf(client: ClientOptions, call: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries({ ...client.metadata, ...call.metadata })) metadata.set(name, value);
  return metadata;
}

/** The deadline in the form that grpc-js takes; none for 0. */
export function deadlineOf(timeoutMs: number): GrpcCallOptions {
  return timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
}

/** What a call fails with once its caller has given up; undefined while he has not. */
export function abortError(signal: AbortSignal | undefined, method: DescMethod): StatusError | undefined {
  if (signal?.aborted !== true) return undefined;
  const error = StatusError.from(signal.reason, `calling "${method.name}"`);
  // A reason without a class of its own is still a cancellation.
  return error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: error.cause }) : error;
}

/** The code and the server's own words, without the prefix that grpc-js puts before them. */
export function toStatusError(error: ServiceError): StatusError {
  return new StatusError(toCode(error.code), error.details || error.message, { cause: error });
}
