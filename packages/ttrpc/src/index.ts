export { openTtrpcClient } from "./client.ts";
export { connectTtrpc } from "./connect.ts";
export { RemoteError } from "./remote-error.ts";
export { createTtrpcServer } from "./server.ts";
export type {
  CallOptions,
  ClientOptions,
  ConnectOptions,
  HandlerContext,
  MetadataEntries,
  MethodHandler,
  ServerOptions,
  ServiceHandlers,
  TtrpcClient,
  TtrpcClientStream,
  TtrpcServer,
} from "./types.ts";
