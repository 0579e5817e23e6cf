export { type CriServer, type CriServerOptions, createCriServer } from "./server.ts";
export type {
  CpuUsage,
  CriDeps,
  CriLog,
  FilesystemUsage,
  Gate,
  ImageFsUsage,
  InterfaceUsage,
  MemoryUsage,
  Networks,
  NetworkStatus,
  OfferedHandler,
  PodUsage,
  RuntimeFeatures,
  RuntimeHandlers,
} from "./types.ts";

// For services of the daemon's own on the same socket.
export type { Call, ServiceHandlers, StreamHandler, UnaryHandler } from "./grpc/handlers.ts";
export { registerService, type Serving } from "./grpc/register-service.ts";
