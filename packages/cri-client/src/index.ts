export { type CallOptions, grpcServiceClient, grpcServiceDefinition, type ServiceClient } from "@crib/grpc";

export { connectCri, type ConnectCriOptions, type CriClient } from "./connect-cri.ts";
