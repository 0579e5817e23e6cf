import type { Duplex } from "node:stream";

import type { SpdyConnection } from "../spdy/spdy-connection.ts";
import { ForwardedPort } from "./forwarded-port.ts";
import { upgradeToSpdy } from "./upgrade.ts";

/** One connection to a streaming server, over which ports of one pod are reached any number of times. */
export interface PortForwardClient extends Disposable {
  /** Settles when the connection to the server is gone. Never rejects. */
  readonly closed: Promise<unknown>;
  /**
   * A connection to a port. Ending it half-closes; a failure of the server's side destroys it with Unavailable.
   * That nobody listens at the port is learnt by reading, not here: the protocol does not say when a connection is made.
   */
  connect(port: number): Promise<Duplex>;
  /** Drops all. Idempotent. */
  close(): void;
}

/** Opens the session behind a URL of PortForward, of crib or any other runtime, over SPDY/3.1. An abort of `signal` closes it. */
export async function openPortForward(url: string, signal: AbortSignal): Promise<PortForwardClient> {
  const { connection } = await upgradeToSpdy(url, ["portforward.k8s.io"], signal);
  let requests = 0;
  return {
    closed: connection.closed,
    connect: (port) => connectPort(connection, port, requests++),
    close: () => connection.destroy(),
    [Symbol.dispose]: () => connection.destroy(),
  };
}

/** Like `openPortForward` for a single connection, which takes the connection to the server with it when it closes. */
export async function connectPortForward(url: string, port: number, signal: AbortSignal): Promise<Duplex> {
  const client = await openPortForward(url, signal);
  try {
    const connection = await client.connect(port);
    connection.once("close", () => client.close());
    return connection;
  } catch (error) {
    client.close();
    throw error;
  }
}

async function connectPort(connection: SpdyConnection, port: number, request: number): Promise<Duplex> {
  const headers = (type: string): ReadonlyMap<string, string> =>
    new Map([
      ["streamtype", type],
      ["port", String(port)],
      ["requestid", String(request)],
    ]);
  const error = connection.open(headers("error"));
  error.end();
  const data = connection.open(headers("data"));
  await Promise.all([error.accepted, data.accepted]);
  return new ForwardedPort(port, data, error);
}
