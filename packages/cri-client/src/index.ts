export { connectCri, type ConnectCriOptions, type CriClient } from "./connect-cri.ts";
export { type CallOptions, grpcServiceClient, type ServiceClient } from "./grpc-service-client.ts";
export { grpcServiceDefinition } from "./grpc-service-definition.ts";
