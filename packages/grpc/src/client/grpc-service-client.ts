import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Client } from "@grpc/grpc-js";

import { grpcServiceDefinition } from "../grpc-service-definition.ts";
import { type BidiStream, bidiStreamCall } from "./bidi-stream-call.ts";
import type { CallOptions, ClientOptions } from "./call-options.ts";
import { clientStreamCall } from "./client-stream-call.ts";
import { serverStreamCall } from "./server-stream-call.ts";
import { unaryCall } from "./unary-call.ts";

type UnaryCall<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

type ServerStreamCall<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => AsyncIterable<MessageShape<O>>;

/** The requests are asked for as fast as they can be sent; when they throw, the call is cancelled and fails with that error. */
type ClientStreamCall<I extends DescMessage, O extends DescMessage> = (
  requests: AsyncIterable<MessageInitShape<I>>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

/** A client of a service: a method for each RPC; failures are `StatusError`s. Leaving a stream of answers early cancels it. */
export type ServiceClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? UnaryCall<I, O>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? ServerStreamCall<I, O>
      : S["method"][K] extends DescMethodClientStreaming<infer I, infer O>
        ? ClientStreamCall<I, O>
        : S["method"][K] extends DescMethodBiDiStreaming<infer I, infer O>
          ? (options?: CallOptions) => BidiStream<I, O>
          : never;
};

const callOf = {
  unary: unaryCall,
  server_streaming: serverStreamCall,
  client_streaming: clientStreamCall,
  bidi_streaming: bidiStreamCall,
} as const;

/** A client of `service` over an open channel. The service's name on the wire is its own. */
export function grpcServiceClient<S extends DescService>(
  service: S,
  channel: Client,
  options: ClientOptions = {},
): ServiceClient<S> {
  const definition = grpcServiceDefinition(service);
  const calls: Record<string, unknown> = {};
  for (const method of service.methods) {
    const wire = definition[method.localName];
    if (wire !== undefined) calls[method.localName] = callOf[method.methodKind](channel, method, wire, options);
  }
  return calls as ServiceClient<S>;
}
