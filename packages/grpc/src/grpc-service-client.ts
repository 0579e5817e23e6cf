import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, StatusError, toCode } from "@crib/errdefs";
import {
  type CallOptions as GrpcCallOptions,
  type Client,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";

import { grpcServiceDefinition } from "./grpc-service-definition.ts";

/** Options of one call. */
export interface CallOptions {
  /** Aborting it cancels the call, at the server too. It fails with the class of the reason, else Canceled. */
  readonly signal?: AbortSignal;
  /** Milliseconds until DeadlineExceeded. Default: that of the client. */
  readonly timeoutMs?: number;
}

type UnaryCall<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

type ServerStreamCall<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => AsyncIterable<MessageShape<O>>;

/** The requests are asked for as fast as they can be sent; when they throw, the call is cancelled and fails with that error. */
type ClientStreamCall<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageInitShape<I>>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

/**
 * A client of a service: a method for each RPC that does not stream both ways; failures are `StatusError`s. Leaving a stream
 * of answers early cancels it.
 */
export type ServiceClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? UnaryCall<I, O>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? ServerStreamCall<I, O>
      : S["method"][K] extends DescMethodClientStreaming<infer I, infer O>
        ? ClientStreamCall<I, O>
        : never;
};

/** A client of `service` over an open channel. `timeoutMs` is for unary calls that set none; 0 is none. */
export function grpcServiceClient<S extends DescService>(service: S, channel: Client, timeoutMs = 0): ServiceClient<S> {
  const definition = grpcServiceDefinition(service);
  const calls: Record<string, unknown> = {};
  for (const method of service.methods) {
    const wire = definition[method.localName];
    if (wire === undefined) continue;
    if (method.methodKind === "unary") calls[method.localName] = unaryCall(channel, method, wire, timeoutMs);
    if (method.methodKind === "server_streaming") calls[method.localName] = streamCall(channel, method, wire);
    if (method.methodKind === "client_streaming") calls[method.localName] = clientStreamCall(channel, method, wire);
  }
  return calls as ServiceClient<S>;
}

type Wire = ReturnType<typeof grpcServiceDefinition>[string];

function unaryCall(channel: Client, method: DescMethod, wire: Wire, defaultMs: number) {
  return (request: MessageInitShape<DescMessage>, options: CallOptions = {}): Promise<Message> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      const aborted = abortError(signal, method);
      if (aborted) throw aborted;
      const call = channel.makeUnaryRequest(
        wire.path,
        wire.requestSerialize,
        wire.responseDeserialize,
        create(method.input, request),
        new Metadata(),
        deadlineOf(options.timeoutMs ?? defaultMs),
        (error, response) => {
          signal?.removeEventListener("abort", cancel);
          if (error) reject(abortError(signal, method) ?? toStatusError(error));
          else resolve(response as Message);
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
}

function clientStreamCall(channel: Client, method: DescMethod, wire: Wire) {
  return async (
    requests: AsyncIterable<MessageInitShape<DescMessage>>,
    options: CallOptions = {},
  ): Promise<Message> => {
    const { signal } = options;
    const aborted = abortError(signal, method);
    if (aborted) throw aborted;
    const { promise: answer, resolve, reject } = Promise.withResolvers<Message>();
    const call = channel.makeClientStreamRequest(
      wire.path,
      wire.requestSerialize,
      wire.responseDeserialize,
      new Metadata(),
      deadlineOf(options.timeoutMs ?? 0),
      (error, response) => {
        if (error) reject(abortError(signal, method) ?? toStatusError(error));
        else resolve(response as Message);
      },
    );
    call.on("error", () => {}); // told by the callback
    const cancel = (): void => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      await sendAll(call, requests, method, answer);
      return await answer;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  };
}

/** Sends until there is no more, or the server has answered: it may do so early, and then neither reads nor calls back. */
async function sendAll(
  call: ClientWritableStream<Message>,
  requests: AsyncIterable<MessageInitShape<DescMessage>>,
  method: DescMethod,
  answer: Promise<Message>,
): Promise<void> {
  const answered = answer.then(
    () => undefined,
    () => undefined,
  );
  const iterator = requests[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), answered]);
      if (!next) break;
      if (next.done) {
        call.end();
        return;
      }
      const request = create(method.input, next.value);
      await Promise.race([new Promise<void>((sent) => call.write(request, () => sent())), answered]);
    }
  } catch (reason) {
    call.cancel();
    throw reason;
  }
  // Not waited for: a source that hangs would keep the answer from the caller.
  Promise.resolve(iterator.return?.()).catch(() => {});
}

function streamCall(channel: Client, method: DescMethod, wire: Wire) {
  return async function* (request: MessageInitShape<DescMessage>, options: CallOptions = {}): AsyncGenerator<Message> {
    const { signal } = options;
    const aborted = abortError(signal, method);
    if (aborted) throw aborted;
    const call = channel.makeServerStreamRequest(
      wire.path,
      wire.requestSerialize,
      wire.responseDeserialize,
      create(method.input, request),
      new Metadata(),
      deadlineOf(options.timeoutMs ?? 0),
    );
    const cancel = (): void => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of call) yield message as Message;
    } catch (reason) {
      throw abortError(signal, method) ?? toStatusError(reason as ServiceError);
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
  };
}

/** What a call fails with once its caller has given up. */
function abortError(signal: AbortSignal | undefined, method: DescMethod): StatusError | undefined {
  if (signal?.aborted !== true) return undefined;
  const error = StatusError.from(signal.reason, `calling "${method.name}"`);
  // A reason without a class of its own is still a cancellation.
  return error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: error.cause }) : error;
}

function deadlineOf(timeoutMs: number): GrpcCallOptions {
  return timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
}

/** The code and the server's own words, without the prefix that grpc-js puts before them. */
function toStatusError(error: ServiceError): StatusError {
  return new StatusError(toCode(error.code), error.details || error.message, { cause: error });
}
