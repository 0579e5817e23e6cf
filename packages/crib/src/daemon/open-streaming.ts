import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";
import { createStreamingServer, type StreamingServer } from "@crib/streaming";

import type { StreamingConfig } from "./config/types.ts";
import type { Log } from "./log.ts";

/** Listens for the clients of exec, attach and port-forward. */
export async function openStreaming(config: StreamingConfig, log: Log): Promise<StreamingServer> {
  const { address, port, baseUrl, tls, idleMs, creationMs } = config;
  const server = createStreamingServer({
    host: address,
    port,
    ...(baseUrl !== "" && { baseUrl }),
    ...(tls && { tls: { cert: await readPem(tls.cert), key: await readPem(tls.key) } }),
    idleMs,
    creationMs,
    log,
  });
  await server.listen();
  return server;
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (reason) {
    throw StatusError.from(reason, `reading "${path}" for [streaming]`);
  }
}
