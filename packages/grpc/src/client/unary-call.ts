import { create, type DescMessage, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@grpc/grpc-js";

import type { WireMethod } from "../grpc-service-definition.ts";
import {
  abortError,
  type CallOptions,
  type ClientOptions,
  deadlineOf,
  metadataOf,
  toStatusError,
} from "./call-options.ts";

/** One request, one answer. */
export function unaryCall(channel: Client, method: DescMethod, wire: WireMethod, defaults: ClientOptions) {
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
        metadataOf(defaults, options),
        deadlineOf(options.timeoutMs ?? defaults.timeoutMs ?? 0),
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
