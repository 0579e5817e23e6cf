import { type ClientHttp2Session, type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from "node:http2";

import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import { refusalOf, resetError, statusOf } from "./call-status.ts";
import { frameMessage, MessageFrames } from "./message-frames.ts";
import type { ConnectionCallOptions, GrpcStream } from "./types.ts";

/** Largest message that is taken, in bytes: gRPC's own limit. */
const maxMessageBytes = 4 * 1024 * 1024;

/** Where calls are made, and why none can be any more. */
export interface CallSession {
  readonly http: ClientHttp2Session;
  readonly failure: StatusError | undefined;
}

/** One call, of any kind. */
export class GrpcCall<I extends DescMessage, O extends DescMessage> implements GrpcStream<I, O> {
  readonly responses: AsyncGenerator<MessageShape<O>, undefined, undefined>;
  readonly #session: CallSession;
  readonly #method: { readonly input: I; readonly output: O };
  readonly #doing: string;
  readonly #signal: AbortSignal | undefined;
  readonly #over = Promise.withResolvers<void>();
  #stream: ClientHttp2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #status: StatusError | "ok" | undefined;

  constructor(session: CallSession, method: DescMethod & { input: I; output: O }, options: ConnectionCallOptions) {
    this.#session = session;
    this.#method = method;
    this.#doing = `calling "${method.parent.typeName}/${method.name}"`;
    this.#signal = options.signal;
    this.responses = this.#read();
    if (this.#signal?.aborted === true) this.#onAbort();
    else this.#signal?.addEventListener("abort", this.#onAbort);
    const { timeoutMs = Infinity } = options;
    if (this.#status === undefined) this.#open(headersOf(method, options));
    if (!Number.isFinite(timeoutMs)) return;
    const late = new StatusError(Code.DeadlineExceeded, `${this.#doing}: no answer within ${timeoutMs} ms`);
    this.#timer = setTimeout(() => this.fail(late), Math.min(Math.max(timeoutMs, 0), 2 ** 31 - 1));
  }

  async send(message: MessageInitShape<I>): Promise<void> {
    const frame = frameMessage(this.#encode(message));
    const stream = this.#stream;
    if (stream === undefined || this.#status !== undefined || stream.writableEnded) throw this.#whyNot();
    const isSent = await new Promise<boolean>((resolve) => {
      stream.write(frame, (error) => resolve(!error));
    });
    if (isSent) return;
    await this.#over.promise;
    throw this.#whyNot();
  }

  async closeSend(): Promise<void> {
    this.#stream?.end();
  }

  /** The only answer of a call that has one. */
  async answer(): Promise<MessageShape<O>> {
    const first = await this.responses.next();
    if (first.done === true) throw new StatusError(Code.Internal, `${this.#doing}: the answer is missing`);
    const second = await this.responses.next();
    if (second.done === true) return first.value;
    await this.responses.return(undefined);
    throw new StatusError(Code.Internal, `${this.#doing}: there is more than one answer`);
  }

  #open(headers: OutgoingHttpHeaders): void {
    try {
      if (this.#session.failure !== undefined) throw this.#session.failure;
      const stream = this.#session.http.request(headers);
      this.#stream = stream;
      stream.on("error", () => {}); // told by what follows: a status, or the code of the reset
      stream.on("response", (received) => {
        this.#status ??= statusOf(received, this.#doing) ?? refusalOf(received, this.#doing);
        if (this.#status instanceof StatusError) stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on("trailers", (received) => {
        this.#status ??= statusOf(received, this.#doing);
        stream.end(); // nobody reads any more; without it the stream would stay half open
      });
      stream.on("close", () => this.#close(stream.rstCode));
    } catch (error) {
      // Node refuses to make requests on a session that has been told to go away.
      this.#status = new StatusError(Code.Unavailable, `${this.#doing}: ${(error as Error).message}`, { cause: error });
      this.#close(0);
    }
  }

  #close(resetCode: number): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const { failure } = this.#session;
    const lost = failure && new StatusError(failure.code, `${this.#doing}: ${failure.message}`, { cause: failure });
    this.#status ??= lost ?? resetError(resetCode, this.#doing);
    this.#over.resolve();
  }

  async *#read(): AsyncGenerator<MessageShape<O>, undefined, undefined> {
    const frames = new MessageFrames(maxMessageBytes);
    const stream = this.#stream;
    try {
      if (stream !== undefined) yield* this.#messages(stream, frames);
      if (this.#status === undefined) await this.#over.promise;
    } finally {
      if (stream?.closed === false) stream.close(constants.NGHTTP2_CANCEL);
    }
    if (this.#status instanceof StatusError) throw this.#status;
    if (frames.isTorn) throw new StatusError(Code.Internal, `${this.#doing}: its last message is torn`);
    return undefined;
  }

  async *#messages(stream: ClientHttp2Stream, frames: MessageFrames): AsyncGenerator<MessageShape<O>, void, undefined> {
    const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const chunk of chunks) for (const bytes of frames.push(chunk)) yield this.#decode(bytes);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      // The stream was closed under the reader: its status tells why.
    }
  }

  #encode(message: MessageInitShape<I>): Uint8Array {
    try {
      return toBinary(this.#method.input, create(this.#method.input, message));
    } catch (error) {
      const why = `${this.#doing}: encoding the request: ${(error as Error).message}`;
      throw new StatusError(Code.InvalidArgument, why, { cause: error });
    }
  }

  #decode(bytes: Uint8Array): MessageShape<O> {
    try {
      return fromBinary(this.#method.output, bytes);
    } catch (error) {
      throw new StatusError(Code.Internal, `${this.#doing}: decoding the answer: ${(error as Error).message}`);
    }
  }

  #whyNot(): StatusError {
    if (this.#status instanceof StatusError) return this.#status;
    return new StatusError(Code.FailedPrecondition, `${this.#doing}: nothing can be sent after the end`);
  }

  readonly #onAbort = (): void => {
    const error = StatusError.from(this.#signal?.reason, this.#doing);
    // A reason without a class of its own is still a cancellation.
    this.fail(error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: error }) : error);
  };

  /** Gives the call up, unless it has ended. */
  fail(reason: StatusError): void {
    this.#status ??= reason;
    if (this.#stream === undefined) this.#close(0);
    else this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}

function headersOf(method: DescMethod, { timeoutMs, metadata }: ConnectionCallOptions): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [key, value] of metadata ?? []) headers[key.toLowerCase()] = value;
  if (timeoutMs !== undefined && Number.isFinite(timeoutMs)) headers["grpc-timeout"] = timeoutHeader(timeoutMs);
  return {
    ...headers,
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: `/${method.parent.typeName}/${method.name}`,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    [constants.HTTP2_HEADER_TE]: "trailers",
    "user-agent": "crib",
  };
}

/** At most eight digits and a unit. */
function timeoutHeader(timeoutMs: number): string {
  const whole = Math.max(1, Math.ceil(timeoutMs));
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.ceil(whole / 1000), 99_999_999)}S`;
}
