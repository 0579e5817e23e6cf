export { type CallOptions, grpcServiceClient, grpcServiceDefinition, type ServiceClient } from "@crib/grpc";

export { connectCri, type ConnectCriOptions, type CriClient } from "./connect-cri.ts";
export { followFile, type FollowOptions } from "./logs/follow-file.ts";
export { LogDecoder, type LogEntry } from "./logs/log-decoder.ts";
export { PortForwards, type PortForwardsOptions } from "./pods/port-forwards.ts";
export { runPod } from "./pods/run-pod.ts";
export type {
  ContainerOptions,
  ExecOptions,
  ExecResult,
  LogsOptions,
  PodOptions,
  RunningContainer,
  RunningPod,
} from "./pods/types.ts";
export { type ContainerEnd, waitForExit } from "./pods/wait-for-exit.ts";
