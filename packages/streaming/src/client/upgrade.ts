import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { SpdyConnection } from "../spdy/spdy-connection.ts";

/** Bytes of a refusal that are worth keeping. */
const maxRefusalBytes = 4096;

/** A connection to a streaming server and the protocol it chose of those offered. */
export interface UpgradedConnection {
  readonly connection: SpdyConnection;
  readonly protocol: string;
}

/**
 * Turns a URL of a streaming server into a SPDY connection that is being read. NotFound when the URL was used or is too old; Unavailable when
 * nobody answers; FailedPrecondition for other refusals. An abort afterwards destroys the connection.
 */
export async function upgradeToSpdy(
  url: string,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<UpgradedConnection> {
  const [response, socket, head] = await requestUpgrade(url, protocols, signal);
  const connection = new SpdyConnection(socket, { role: "client" });
  const abort = (): void => connection.destroy(StatusError.from(signal.reason, "streaming"));
  signal.addEventListener("abort", abort);
  void connection.closed.finally(() => signal.removeEventListener("abort", abort));
  connection.start(head);
  return { connection, protocol: String(response.headers["x-stream-protocol-version"] ?? protocols[0]) };
}

function requestUpgrade(
  url: string,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<[IncomingMessage, Duplex, Buffer]> {
  const { promise, resolve, reject } = Promise.withResolvers<[IncomingMessage, Duplex, Buffer]>();
  const headers = { Connection: "Upgrade", Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": protocols.join(", ") };
  const make = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = make(url, { method: "POST", headers, agent: false, signal });
  request.on("upgrade", (response, socket, head) => resolve([response, socket, head]));
  request.on("response", (response) => void readRefusal(response).then(reject, reject));
  request.on("error", (error) => reject(StatusError.from(error, "connecting to the streaming server")));
  request.end();
  return promise;
}

async function readRefusal(response: IncomingMessage): Promise<StatusError> {
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > maxRefusalBytes) break;
  }
  const code = response.statusCode === 404 ? Code.NotFound : Code.FailedPrecondition;
  return new StatusError(
    code,
    `connecting to the streaming server: status ${response.statusCode}: ${text.slice(0, maxRefusalBytes).trim()}`,
  );
}
