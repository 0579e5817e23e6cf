import { Code, StatusError } from "@crib/errdefs";
import { type Server, ServerCredentials } from "@grpc/grpc-js";

import { placePrivateSocket } from "../private-socket.ts";

/** A gRPC server that listens. */
export interface ListeningGrpc extends AsyncDisposable {
  /** As gRPC writes it: `unix:///path`. */
  readonly address: string;
  /** Gives calls under way `drainMs` (default 2,000) to end, cuts off what is left, and removes the socket. Idempotent. */
  close(drainMs?: number): Promise<void>;
}

/** Listens on a unix socket as `placePrivateSocket` makes it; fails as that does. */
export async function listenGrpc(server: Server, path: string): Promise<ListeningGrpc> {
  let bound: string | undefined;
  const shut = (drainMs: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    // In this order, and not by `forceShutdown`, which knows the sessions only where channelz counts them.
    if (bound !== undefined) server.drain(bound, drainMs);
    server.tryShutdown(() => resolve());
    return promise;
  };
  try {
    const socket = await placePrivateSocket(path, async (temporary) => {
      bound = await bind(server, temporary);
    });
    let closing: Promise<void> | undefined;
    const close = (drainMs = 2_000): Promise<void> => (closing ??= socket.remove().then(() => shut(drainMs)));
    return { address: `unix://${path}`, close, [Symbol.asyncDispose]: () => close() };
  } catch (reason) {
    await shut(0);
    throw reason;
  }
}

function bind(server: Server, path: string): Promise<string> {
  const address = `unix://${path}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
    if (!error) resolve(address);
    else reject(new StatusError(Code.Unavailable, `listening on "${path}": ${error.message}`, { cause: error }));
  });
  return promise;
}
