import type { Message } from "@bufbuild/protobuf";
import { abortWithCall } from "@crib/grpc";
import type { handleUnaryCall } from "@grpc/grpc-js";

import { reportFailure } from "./failure.ts";
import type { Call } from "./handlers.ts";
import type { BoundMethod } from "./register-service.ts";

/** A method with one answer, as grpc-js calls it. Never throws. */
export function serveUnary(
  method: BoundMethod,
  handler: (request: Message, call: Call) => unknown,
): handleUnaryCall<Buffer, Buffer> {
  const serve: (...args: Parameters<handleUnaryCall<Buffer, Buffer>>) => Promise<void> = async (call, callback) => {
    let bytes: Buffer;
    try {
      const { signal } = abortWithCall(call, method.name);
      bytes = method.encode(await handler(method.open(call.request), { signal }));
    } catch (reason) {
      callback(reportFailure(reason, method.name, method.log));
      return;
    }
    callback(null, bytes);
  };
  return (call, callback) => void serve(call, callback);
}
