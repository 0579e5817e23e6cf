export { connectExec, type ExecClientStreams } from "./client/connect-exec.ts";
export { connectPortForward, openPortForward, type PortForwardClient } from "./client/open-port-forward.ts";
export { createStreamingServer } from "./server/streaming-server.ts";
export type * from "./types.ts";
