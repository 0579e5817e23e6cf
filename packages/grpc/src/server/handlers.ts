import type {
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";

/** What a handler knows of its call besides the request. */
export interface GrpcCall {
  /** Aborted when the client has gone or its deadline has passed. */
  readonly signal: AbortSignal;
  /** Text headers by name, in lower case; of repeated ones the first. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A handler of one method, by the method's kind. What it throws is sent with its code. A stream ends with the iterable, which is returned early when the client has gone. */
export type GrpcHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: GrpcCall) => Promise<MessageInitShape<O>> | MessageInitShape<O>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: GrpcCall) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: GrpcCall) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, call: GrpcCall) => AsyncIterable<MessageInitShape<O>>
          : never;

/** Handlers of a service by local method name. A method without one is Unimplemented. */
export type GrpcHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]?: GrpcHandler<S["method"][K]>;
};
