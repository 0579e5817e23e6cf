import type { Duplex } from "node:stream";

import { createWebSocketStream } from "ws";

import { SpdyPortForward } from "../portforward/spdy-port-forward.ts";
import { forwardOverWebSocket } from "../portforward/websocket-port-forward.ts";
import { SpdyConnection } from "../spdy/spdy-connection.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";
import type { PortForward } from "../types.ts";
import { acceptSpdy } from "../upgrade/accept-spdy.ts";
import { acceptWebSocket } from "../upgrade/accept-websocket.ts";
import type { ClientRequest } from "../upgrade/client-request.ts";
import { refuse } from "../upgrade/refuse.ts";
import { upgradeKind } from "../upgrade/upgrade-kind.ts";
import { ChannelConnection } from "../websocket/channel-connection.ts";
import { portForwardProtocols } from "../websocket/websocket-protocols.ts";
import type { OpenConnections } from "./open-connections.ts";
import type { Settings } from "./settings.ts";
import { watchConnection } from "./watch-connection.ts";

const policyViolation = 1008;

/** Joins a client that came to forward ports with them, over what it wants to speak. */
export function servePortForward(
  client: ClientRequest,
  forward: PortForward,
  settings: Settings,
  connections: OpenConnections,
): void {
  switch (upgradeKind(client.request)) {
    case "spdy":
      if (acceptSpdy(client, ["portforward.k8s.io"]) === undefined) return;
      return serveOverSpdy(client.socket, client.head, forward, settings, connections);
    case "websocket":
      return serveOverWebSocket(client, forward, settings, connections);
    case "other":
      return refuse(client.socket, 400, "unable to upgrade: neither SPDY/3.1 nor websocket");
  }
}

function serveOverSpdy(
  transport: Duplex,
  head: Buffer,
  forward: PortForward,
  settings: Settings,
  connections: OpenConnections,
): void {
  // Streams come only after `start`, when all of this exists.
  const onStream = (stream: SpdyStream): void => pairs.add(stream);
  const { connection, signal } = watchConnection(
    settings,
    connections,
    (onActivity) => new SpdyConnection(transport, { role: "server", onStream, onActivity }),
  );
  const pairs = new SpdyPortForward(forward, settings.creationMs, signal, settings.log);
  connection.start(head);
}

function serveOverWebSocket(
  client: ClientRequest,
  forward: PortForward,
  settings: Settings,
  connections: OpenConnections,
): void {
  const accepted = acceptWebSocket(client, portForwardProtocols);
  if (accepted === undefined) return;
  const { socket, protocol } = accepted;
  if (protocol === "tunnel")
    return serveOverSpdy(createWebSocketStream(socket), Buffer.alloc(0), forward, settings, connections);
  if (forward.ports.length === 0) return socket.close(policyViolation, "no ports were asked for when the URL was made");
  const { connection, signal } = watchConnection(
    settings,
    connections,
    (onActivity) => new ChannelConnection(socket, { codec: protocol, halfClose: false, onActivity }),
  );
  void forwardOverWebSocket(connection, forward, signal, settings.log);
}
