import { Code, StatusError } from "@crib/errdefs";
import { ImageService, RuntimeService } from "@crib/wire/cri";
import { logVerbosity, Server, ServerCredentials, type ServerOptions, setLogVerbosity } from "@grpc/grpc-js";

import { watchPodEvents } from "./events/pod-events.ts";
import { createLiveStreams } from "./grpc/live-streams.ts";
import { registerService, type Serving } from "./grpc/register-service.ts";
import { imageService } from "./image-service/image-service.ts";
import { runtimeService } from "./runtime-service/runtime-service.ts";
import type { CriDeps } from "./types.ts";

/** What may be set besides the collaborators. */
export interface CriServerOptions {
  /** Milliseconds that calls under way have when the server closes. Default 2,000. */
  readonly drainMs?: number;
  /** Milliseconds that a client may leave a message of a stream unread. Default 30,000. */
  readonly sendTimeoutMs?: number;
  /** Adds services of the daemon's own to the same socket. Called once, before it listens. */
  readonly addServices?: (server: Server, serving: Serving) => void;
}

/** The CRI on one unix socket. */
export interface CriServer {
  /** How many clients watch events at this moment. */
  readonly eventReaders: number;
  /**
   * Listens on an absolute path in a directory that only root may enter; the socket's mode is that of the process's
   * umask. Fails with AlreadyExists when something stands at the path: removing it is up to the holder of the lock.
   */
  listen(socketPath: string): Promise<void>;
  /** Ends streams at once with Unavailable, lets other calls end, and cuts off what is left. Removes the socket. Idempotent. */
  close(): Promise<void>;
}

const messageLimitBytes = 16 * 1024 * 1024;
/** sizeof(sockaddr_un.sun_path) without its NUL (unix(7)). */
const maxSocketPathBytes = 107;

const options: ServerOptions = {
  "grpc.max_receive_message_length": messageLimitBytes,
  "grpc.max_send_message_length": messageLimitBytes,
  // The kubelet and its probes stay far below; a client that opens streams without end is held here.
  "grpc.max_concurrent_streams": 1_000,
  // MiB. What one session may keep waiting, in both directions: eight of the largest messages. Default: no limit.
  "grpc-node.max_session_memory": 128,
  // Finds clients that are stopped or hang, whose streams would stay open for ever.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
};

/** Serves the RuntimeService and the ImageService on `deps`. */
export function createCriServer(deps: CriDeps, settings: CriServerOptions = {}): CriServer {
  const { drainMs = 2_000, sendTimeoutMs = 30_000 } = settings;
  // What grpc-js prints by itself is hostile headers and errors that callers are given anyway.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(options);
  const streams = createLiveStreams();
  const serving: Serving = {
    gate: deps.gate,
    log: deps.log,
    streams,
    sendTimeoutMs,
    ungated: new Set(["Version", "Status"]),
  };
  const events = watchPodEvents(deps);
  registerService(server, RuntimeService, runtimeService, { ...deps, events }, serving);
  registerService(server, ImageService, imageService, deps, serving);
  settings.addServices?.(server, serving);
  let address: string | undefined;
  let closing: Promise<void> | undefined;
  return {
    get eventReaders(): number {
      return events.readers;
    },
    async listen(socketPath): Promise<void> {
      address = await listen(server, socketPath);
    },
    close(): Promise<void> {
      streams.endAll();
      closing ??= shutDown(server, address, drainMs).then(() => events[Symbol.asyncDispose]());
      return closing;
    },
  };
}

/** Gives the address as gRPC writes it. */
function listen(server: Server, socketPath: string): Promise<string> {
  if (!socketPath.startsWith("/") || Buffer.byteLength(socketPath) > maxSocketPathBytes) {
    throw new StatusError(
      Code.InvalidArgument,
      `listening on "${socketPath}": not an absolute path of at most ${maxSocketPathBytes} bytes`,
    );
  }
  const address = `unix://${socketPath}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
    if (!error) resolve(address);
    else {
      const taken = error.message.includes("EADDRINUSE");
      const code = taken ? Code.AlreadyExists : Code.Unavailable;
      reject(new StatusError(code, `listening on "${socketPath}": ${error.message}`, { cause: error }));
    }
  });
  return promise;
}

function shutDown(server: Server, address: string | undefined, drainMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // In this order, and not by `forceShutdown`: that one knows the sessions only where channelz counts them, and a drain
  // after `tryShutdown` takes sessions that are about to close for closed.
  if (address !== undefined) server.drain(address, drainMs);
  server.tryShutdown(() => resolve());
  return promise;
}
