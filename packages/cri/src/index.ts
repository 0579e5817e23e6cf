export { type CriServer, type CriServerOptions, createCriServer } from "./server.ts";
export type {
  BrokenHandler,
  CriDeps,
  CriLog,
  FilesystemUsage,
  Gate,
  ImageFsUsage,
  Networks,
  NetworkStatus,
  OfferedHandler,
  RuntimeFeatures,
  RuntimeHandlers,
} from "./types.ts";

// For services of the daemon's own on the same socket.
export type { Call, ClientStreamHandler, ServiceHandlers, StreamHandler, UnaryHandler } from "./grpc/handlers.ts";
export { registerService, type Serving } from "./grpc/register-service.ts";
export { batches } from "./conversion/batches.ts";
export { filterImages } from "./lookup/filter-images.ts";
export { checkImageName } from "./validation/image-name.ts";
export { toPullRequest } from "./validation/pull-request.ts";
