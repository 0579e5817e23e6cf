import { create, type DescMessage, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client, ServiceError } from "@grpc/grpc-js";

import type { WireMethod } from "../grpc-service-definition.ts";
import {
  abortError,
  type CallOptions,
  type ClientOptions,
  deadlineOf,
  metadataOf,
  toStatusError,
} from "./call-options.ts";

/** One request, many answers. Leaving the answers early cancels the call. */
export function serverStreamCall(channel: Client, method: DescMethod, wire: WireMethod, defaults: ClientOptions) {
  return async function* (request: MessageInitShape<DescMessage>, options: CallOptions = {}): AsyncGenerator<Message> {
    const { signal } = options;
    const aborted = abortError(signal, method);
    if (aborted) throw aborted;
    const call = channel.makeServerStreamRequest(
      wire.path,
      wire.requestSerialize,
      wire.responseDeserialize,
      create(method.input, request),
      metadataOf(defaults, options),
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
