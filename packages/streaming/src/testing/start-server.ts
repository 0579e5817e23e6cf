import { createStreamingServer } from "../server/streaming-server.ts";
import type { Session, SessionStreams, StreamChoice, StreamingServer, StreamingServerOptions } from "../types.ts";

/** A log that keeps nothing. */
export const silentLog = { debug: (): void => {}, warn: (): void => {} };

/** A server that listens at a free port of loopback, to be closed by `await using`. */
export async function startServer(options: Partial<StreamingServerOptions> = {}): Promise<StreamingServer> {
  const server = createStreamingServer({ log: silentLog, ...options });
  await server.listen();
  return server;
}

/** A session with stdin, stdout and stderr, or those given. */
export function session(run: Session["run"], choice: Partial<StreamChoice> = {}): Session {
  return { stdin: true, stdout: true, stderr: true, tty: false, ...choice, run };
}

/** Runs what sends stdin back over stdout and exits with its length modulo 256. */
export async function echo({ stdin, stdout }: SessionStreams): Promise<number> {
  let bytes = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (!stdout!.write(chunk)) await new Promise((resolve) => stdout!.once("drain", resolve));
  }
  return bytes % 256;
}
