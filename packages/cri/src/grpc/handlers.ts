import type { DescMessage, Message, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";

import type { EncodedAnswer } from "./encoded-answer.ts";

/** What a handler knows of its call besides the request. */
export interface Call {
  /** Aborted when the client has gone or its deadline has passed; of a stream also when the server closes. */
  readonly signal: AbortSignal;
}

/** The types of one method, as generated services have them. */
interface MethodTypes {
  readonly methodKind: "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
  readonly input: DescMessage;
  readonly output: DescMessage;
}

/** One answer, now or later. */
export type UnaryHandler<Deps, M extends MethodTypes> = (
  deps: Deps,
  request: MessageShape<M["input"]>,
  call: Call,
) => Promise<MessageInitShape<M["output"]> | EncodedAnswer> | MessageInitShape<M["output"]> | EncodedAnswer;

/** Answers one after another; the stream ends with the iterable, which is returned early when the client has gone. */
export type StreamHandler<Deps, M extends MethodTypes> = (
  deps: Deps,
  request: MessageShape<M["input"]>,
  call: Call,
) => AsyncIterable<MessageInitShape<M["output"]>>;

/** One answer to a stream of requests, which may be left early. */
export type ClientStreamHandler<Deps, M extends MethodTypes> = (
  deps: Deps,
  requests: AsyncIterable<MessageShape<M["input"]>>,
  call: Call,
) => Promise<MessageInitShape<M["output"]>>;

/** A handler for every method of a service; a missing one does not compile. */
export type ServiceHandlers<Deps, S> =
  S extends GenService<infer Methods>
    ? {
        readonly [K in keyof Methods]: Methods[K]["methodKind"] extends "unary"
          ? UnaryHandler<Deps, Methods[K]>
          : Methods[K]["methodKind"] extends "client_streaming"
            ? ClientStreamHandler<Deps, Methods[K]>
            : StreamHandler<Deps, Methods[K]>;
      }
    : never;

/** A handler of any method, once the types of its messages do not matter any more. */
export type Handler<Deps> = (deps: Deps, request: Message | AsyncIterable<Message>, call: Call) => unknown;
