import {
  create,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, StatusError, toCode } from "@crib/errdefs";
import { type Client, type ClientDuplexStream, status as grpcStatus, type StatusObject } from "@grpc/grpc-js";

import type { WireMethod } from "../grpc-service-definition.ts";
import { abortError, type CallOptions, type ClientOptions, deadlineOf, metadataOf } from "./call-options.ts";

/** The client's side of a stream both ways. */
export interface BidiStream<I extends DescMessage, O extends DescMessage> {
  /**
   * Sends a message, and resolves when the connection takes more. Fails with FailedPrecondition after `end` and once the call has
   * ended, with the error of the call when that is why.
   */
  readonly send: (message: MessageInitShape<I>) => Promise<void>;
  /** Says that no message follows. Repeating it is harmless. */
  readonly end: () => void;
  /**
   * What the server sends; ends, or throws, when the call does. Read by one consumer, and read at its pace: what is not taken
   * holds the server back. Leaving the loop early cancels the call.
   */
  readonly responses: AsyncIterableIterator<MessageShape<O>>;
}

type Call = ClientDuplexStream<Message, Message>;

/** Many requests, many answers. Never throws: failures show where the stream is used. */
export function bidiStreamCall(channel: Client, method: DescMethod, wire: WireMethod, defaults: ClientOptions) {
  return (options: CallOptions = {}): BidiStream<DescMessage, DescMessage> => {
    const { signal } = options;
    const call: Call = channel.makeBidiStreamRequest(
      wire.path,
      wire.requestSerialize,
      wire.responseDeserialize,
      metadataOf(defaults, options),
      deadlineOf(options.timeoutMs ?? 0),
    );
    // Told where the stream is used.
    call.on("error", () => {});
    const { promise: ended, resolve } = Promise.withResolvers<Ended>();
    const cancel = (): void => call.cancel();
    call.once("status", (status: StatusObject) => {
      signal?.removeEventListener("abort", cancel);
      resolve({
        failure: status.code === grpcStatus.OK ? undefined : (abortError(signal, method) ?? failureOf(status)),
      });
    });
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    return {
      send: sender(call, method, ended),
      end: () => void call.end(),
      responses: readAll(call, ended),
    };
  };
}

/** How the call came to its end; no failure when the server ended it. */
interface Ended {
  readonly failure: StatusError | undefined;
}

function failureOf({ code, details }: StatusObject): StatusError {
  return new StatusError(toCode(code), details);
}

function precondition(method: DescMethod, why: string): StatusError {
  return new StatusError(Code.FailedPrecondition, `sending to "${method.name}": ${why}`);
}

function sender(call: Call, method: DescMethod, ended: Promise<Ended>) {
  return async (message: MessageInitShape<DescMessage>): Promise<void> => {
    if (call.writableEnded) throw precondition(method, "its end was sent before");
    const sent = Promise.withResolvers<undefined>();
    // grpc-js forgets the callback of a call that has ended; and as long as it keeps messages for a retry (1 MiB), it calls back
    // before it has done anything, so that who sends in a loop would never let the connection come up.
    call.write(create(method.input, message), () => setImmediate(sent.resolve, undefined));
    const end = await Promise.race([ended, sent.promise]);
    if (end) throw end.failure ?? precondition(method, "the server has ended it");
  };
}

async function* readAll(call: Call, ended: Promise<Ended>): AsyncGenerator<Message, undefined, undefined> {
  try {
    for await (const message of call) yield message as Message;
  } catch (reason) {
    const { failure } = await ended;
    throw failure ?? reason;
  } finally {
    call.cancel();
  }
  // An error that came before anybody read has passed unseen.
  const { failure } = await ended;
  if (failure) throw failure;
}
