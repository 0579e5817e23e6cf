import type { Message } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { abortWithCall } from "@crib/grpc";
import { type handleServerStreamingCall, Metadata, type ServerWritableStream } from "@grpc/grpc-js";

import { reportFailure } from "./failure.ts";
import type { Call } from "./handlers.ts";
import type { BoundMethod } from "./register-service.ts";

type Stream = ServerWritableStream<Buffer, Buffer>;

/**
 * A method with a stream of answers, as grpc-js calls it. One message at a time is on its way: the next one is made
 * when the connection has taken the last one. Never throws.
 */
export function serveStream(
  method: BoundMethod,
  handler: (request: Message, call: Call) => AsyncIterable<unknown>,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const controller = abortWithCall(call, method.name);
    const leave = method.streams.enter(controller);
    const stream = async (): Promise<void> => {
      await sendAll(call, method, handler(method.open(call.request), { signal: controller.signal }), controller.signal);
      controller.signal.throwIfAborted();
    };
    stream()
      .then(
        () => call.end(),
        // grpc-js takes the status of a stream from this event, and handles it itself.
        (reason: unknown) => call.emit("error", reportFailure(reason, method.name, method.log)),
      )
      .finally(leave);
  };
}

async function sendAll(
  call: Stream,
  method: BoundMethod,
  answers: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = answers[Symbol.asyncIterator]();
  try {
    // The first step subscribes to whatever is watched; only then does the client learn that the call has begun.
    let next = iterator.next();
    call.sendMetadata(new Metadata());
    for (;;) {
      const result = await next;
      if (result.done || signal.aborted) return;
      await send(call, method.encode(result.value), method, signal);
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

/** Settles when the connection has taken the message. gRPC forgets the callback of a call that has ended, hence the signal. */
async function send(call: Stream, bytes: Buffer, method: BoundMethod, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(StatusError.from(signal.reason));
  const timer = setTimeout(() => {
    reject(
      new StatusError(
        Code.ResourceExhausted,
        `${method.name}: the client has read nothing for ${method.sendTimeoutMs} ms`,
      ),
    );
  }, method.sendTimeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  try {
    call.write(bytes, () => resolve());
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
