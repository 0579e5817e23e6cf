import { create, type DescMessage, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client, ClientWritableStream } from "@grpc/grpc-js";

import type { WireMethod } from "../grpc-service-definition.ts";
import {
  abortError,
  type CallOptions,
  type ClientOptions,
  deadlineOf,
  metadataOf,
  toStatusError,
} from "./call-options.ts";

/** Many requests, one answer. */
export function clientStreamCall(channel: Client, method: DescMethod, wire: WireMethod, defaults: ClientOptions) {
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
      metadataOf(defaults, options),
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
