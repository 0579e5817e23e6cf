import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";

import type { ClientRequest } from "../upgrade/client-request.ts";
import { refuse } from "../upgrade/refuse.ts";
import type { Settings } from "./settings.ts";

/** Bytes of request line and headers together. */
const maxHeaderBytes = 16 * 1024;

/** Milliseconds for a request's headers, from the connection's first moment. */
const headersMs = 10_000;

/** Connections that have not asked for anything yet, beyond those that have sessions. */
const spareConnections = 1000;

/** Bytes that wait in a connection before its writers wait too. */
const socketBufferBytes = 128 * 1024;

/** What an HTTP parser found wrong, as a status. */
const errorStatus: ReadonlyMap<string, number> = new Map([
  ["HPE_HEADER_OVERFLOW", 431],
  ["ERR_HTTP_REQUEST_TIMEOUT", 408],
]);

/**
 * An HTTP/1.1 server that hands over upgrades. Other requests are refused and their connections closed; `onPlain` says whether the URL was good
 * for an upgrade.
 */
export function createUpgradeServer(
  settings: Settings,
  onUpgrade: (client: ClientRequest) => void,
  onPlain: (request: IncomingMessage) => boolean,
): Server {
  const limits = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersMs,
    requestTimeout: headersMs,
    connectionsCheckingInterval: 2000,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    highWaterMark: socketBufferBytes,
  };
  const server = settings.tls === undefined ? createServer(limits) : createTlsServer({ ...limits, ...settings.tls });
  server.maxConnections = settings.maxSessions + spareConnections;
  server.on("upgrade", (request, socket, head) => onUpgrade({ request, socket, head }));
  server.on("request", (request, response) => {
    const known = onPlain(request);
    response.writeHead(known ? 400 : 404, { Connection: "close", "Content-Type": "text/plain; charset=utf-8" });
    response.end(known ? "unable to upgrade: missing upgrade headers in request\n" : "not found\n");
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) refuse(socket, errorStatus.get(error.code ?? "") ?? 400, "bad request");
    else socket.destroy();
  });
  return server;
}
