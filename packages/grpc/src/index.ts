export { type CallOptions, grpcServiceClient, type ServiceClient } from "./grpc-service-client.ts";
export { grpcServiceDefinition } from "./grpc-service-definition.ts";
