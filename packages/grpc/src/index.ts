export type { BidiStream } from "./client/bidi-stream-call.ts";
export type { CallOptions, ClientOptions } from "./client/call-options.ts";
export { grpcServiceClient, type ServiceClient } from "./client/grpc-service-client.ts";
export { openGrpcConnection } from "./connection/open-grpc-connection.ts";
export type { ConnectionCallOptions, GrpcConnection, GrpcStream } from "./connection/types.ts";
export { grpcServiceDefinition } from "./grpc-service-definition.ts";
export { addGrpcService } from "./server/add-grpc-service.ts";
export type { GrpcCall, GrpcHandler, GrpcHandlers } from "./server/handlers.ts";
export { type ListeningGrpc, listenGrpc } from "./server/listen-grpc.ts";
