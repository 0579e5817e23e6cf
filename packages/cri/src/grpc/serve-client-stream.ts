import type { Message } from "@bufbuild/protobuf";
import { abortWithCall } from "@crib/grpc";
import type { handleClientStreamingCall, ServerReadableStream } from "@grpc/grpc-js";

import { reportFailure } from "./failure.ts";
import type { Call } from "./handlers.ts";
import type { BoundMethod } from "./register-service.ts";

/**
 * A method with a stream of requests and one answer, as grpc-js calls it. The next request is taken off the connection when
 * the handler asks for it, so that a fast client waits for a slow disk. grpc-js can tell that requests have ended before it
 * tells that the client has gone: where that matters, the last request must say that it is the last. Never throws.
 */
export function serveClientStream(
  method: BoundMethod,
  handler: (requests: AsyncIterable<Message>, call: Call) => unknown,
): handleClientStreamingCall<Buffer, Buffer> {
  const serve: (...args: Parameters<handleClientStreamingCall<Buffer, Buffer>>) => Promise<void> = async (
    call,
    callback,
  ) => {
    const controller = abortWithCall(call, method.name);
    const leave = method.streams.enter(controller);
    let bytes: Buffer;
    try {
      const { signal } = controller;
      bytes = method.encode(await handler(readAll(call, method, signal), { signal }));
    } catch (reason) {
      callback(reportFailure(controller.signal.aborted ? controller.signal.reason : reason, method.name, method.log));
      return;
    } finally {
      leave();
    }
    callback(null, bytes);
  };
  return (call, callback) => void serve(call, callback);
}

async function* readAll(
  call: ServerReadableStream<Buffer, Buffer>,
  method: BoundMethod,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  // Not destroyed when the handler leaves early: grpc-js still has to send the answer on it.
  for await (const bytes of call.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted();
    yield method.open(bytes as Buffer);
  }
  signal.throwIfAborted();
}
