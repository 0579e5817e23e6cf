import type { DescService } from "@bufbuild/protobuf";
import type { MethodDefinition, Server, UntypedServiceImplementation } from "@grpc/grpc-js";

import type { GrpcHandlers } from "./handlers.ts";
import { type AnyHandler, serveMethod } from "./serve-method.ts";

/**
 * Adds a service to a gRPC server. A request that cannot be decoded is InvalidArgument, a method without a handler
 * Unimplemented; what a handler throws is sent with its code and message.
 */
export function addGrpcService<S extends DescService>(server: Server, service: S, handlers: GrpcHandlers<S>): void {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  // Messages pass grpc-js as bytes, so that one that cannot be decoded or encoded fails the call and nothing else.
  const same = (bytes: Buffer): Buffer => bytes;
  for (const method of service.methods) {
    const { methodKind, localName } = method;
    definition[localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
      responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
      originalName: localName,
    };
    const handler = (handlers as Readonly<Record<string, AnyHandler | undefined>>)[localName];
    if (handler) implementation[localName] = serveMethod(method, handler);
  }
  server.addService(definition, implementation);
}
