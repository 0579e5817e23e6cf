import { create, type DescMethod, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
} from "@grpc/grpc-js";

import { abortWithCall } from "./abort-with-call.ts";
import type { GrpcCall } from "./handlers.ts";
import { wireStatus } from "./wire-status.ts";

/** A handler of any method, once the types of its messages do not matter any more. */
export type AnyHandler = (request: Message | AsyncIterable<Message>, call: GrpcCall) => unknown;

type AnyCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;
type Callback = (status: ReturnType<typeof wireStatus> | null, answer?: Buffer) => void;

/** A method as grpc-js calls it, with messages as bytes. Nothing that a handler does makes it throw. */
export function serveMethod(method: DescMethod, handler: AnyHandler): UntypedHandleCall {
  const many = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const ask = (call: AnyCall, signal: AbortSignal): unknown => {
    const request = many ? readAll(call as ServerReadableStream<Buffer, Buffer>, method, signal) : open(method, call);
    return handler(request, { signal, metadata: headersOf(call) });
  };
  if (method.methodKind === "unary" || method.methodKind === "client_streaming") {
    return (call: AnyCall, callback: Callback) => void answer(call, callback, method, ask);
  }
  return (call: AnyCall) => void stream(call as ServerWritableStream<Buffer, Buffer>, method, ask);
}

type Ask = (call: AnyCall, signal: AbortSignal) => unknown;

async function answer(call: AnyCall, callback: Callback, method: DescMethod, ask: Ask): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = encode(method, await ask(call, abortWithCall(call, method.name).signal));
  } catch (reason) {
    callback(wireStatus(reason));
    return;
  }
  callback(null, bytes);
}

async function stream(call: ServerWritableStream<Buffer, Buffer>, method: DescMethod, ask: Ask): Promise<void> {
  const signal = abortWithCall(call, method.name).signal;
  try {
    const answers = (ask(call, signal) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    try {
      let next = answers.next();
      call.sendMetadata(new Metadata());
      for (let result = await next; !result.done; result = await next) {
        await send(call, encode(method, result.value), signal);
        next = answers.next();
      }
    } finally {
      await answers.return?.();
    }
    signal.throwIfAborted();
    call.end();
  } catch (reason) {
    // grpc-js takes the status of a stream from this event, and handles it itself.
    call.emit("error", wireStatus(reason));
  }
}

/** Settles when the connection has taken the message. gRPC forgets the callback of a call that has ended, hence the signal. */
async function send(call: ServerWritableStream<Buffer, Buffer>, bytes: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(StatusError.from(signal.reason));
  signal.addEventListener("abort", abort, { once: true });
  try {
    call.write(bytes, () => resolve());
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function* readAll(
  call: ServerReadableStream<Buffer, Buffer>,
  method: DescMethod,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  // Not destroyed when the handler leaves early: grpc-js still has to send the answer on it.
  for await (const bytes of call.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted();
    yield decode(method, bytes as Buffer);
  }
  signal.throwIfAborted();
}

function open(method: DescMethod, call: AnyCall): Message {
  return decode(method, (call as ServerUnaryCall<Buffer, Buffer>).request);
}

function decode({ name, input }: DescMethod, bytes: Buffer): Message {
  try {
    return fromBinary(input, bytes);
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, `${name}: the request is no ${input.typeName}`, { cause });
  }
}

function encode({ output }: DescMethod, answer: unknown): Buffer {
  const { buffer, byteOffset, byteLength } = toBinary(
    output,
    create(output, answer as MessageInitShape<typeof output>),
  );
  return Buffer.from(buffer, byteOffset, byteLength);
}

function headersOf(call: AnyCall): Readonly<Record<string, string>> {
  const headers = Object.entries(call.metadata.getMap());
  return Object.fromEntries(headers.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}
