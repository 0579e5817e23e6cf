import { runSession } from "../session/run-session.ts";
import { type CommandVersion, SpdyEnds, StreamGathering } from "../session/spdy-session.ts";
import { SpdyConnection } from "../spdy/spdy-connection.ts";
import type { Session } from "../types.ts";
import { acceptSpdy } from "../upgrade/accept-spdy.ts";
import { acceptWebSocket } from "../upgrade/accept-websocket.ts";
import type { ClientRequest } from "../upgrade/client-request.ts";
import { refuse } from "../upgrade/refuse.ts";
import { upgradeKind } from "../upgrade/upgrade-kind.ts";
import { ChannelConnection } from "../websocket/channel-connection.ts";
import { commandProtocols } from "../websocket/websocket-protocols.ts";
import { WebSocketEnds } from "../websocket/websocket-session.ts";
import type { OpenConnections } from "./open-connections.ts";
import type { Settings } from "./settings.ts";
import { watchConnection } from "./watch-connection.ts";

/** By name; v5 differs from v4 over WebSocket only. The last is what clients speak that name none. */
const versions: ReadonlyMap<string, CommandVersion> = new Map<string, CommandVersion>([
  ["v5.channel.k8s.io", 4],
  ["v4.channel.k8s.io", 4],
  ["v3.channel.k8s.io", 3],
  ["v2.channel.k8s.io", 2],
  ["channel.k8s.io", 1],
]);

/** Streams a client may open; a session needs five. */
const maxStreams = 16;

/** Joins a client that came for an exec or attach session with it, over what it wants to speak. */
export function serveSession(
  client: ClientRequest,
  session: Session,
  settings: Settings,
  connections: OpenConnections,
): void {
  switch (upgradeKind(client.request)) {
    case "spdy":
      return void serveOverSpdy(client, session, settings, connections);
    case "websocket":
      return void serveOverWebSocket(client, session, settings, connections);
    case "other":
      return refuse(client.socket, 400, "unable to upgrade: neither SPDY/3.1 nor websocket");
  }
}

async function serveOverSpdy(
  client: ClientRequest,
  session: Session,
  settings: Settings,
  connections: OpenConnections,
): Promise<void> {
  const protocol = acceptSpdy(client, [...versions.keys()]);
  if (protocol === undefined) return;
  const version = versions.get(protocol)!;
  const gathering = new StreamGathering(session, version);
  const { connection, signal } = watchConnection(
    settings,
    connections,
    (onActivity) =>
      new SpdyConnection(client.socket, {
        role: "server",
        maxStreams,
        onStream: (stream) => gathering.add(stream),
        onActivity,
      }),
  );
  connection.start(client.head);
  let found;
  try {
    found = await gathering.wait(settings.creationMs, signal);
  } catch (error) {
    return connection.destroy(error as Error);
  }
  await runSession(session, new SpdyEnds(connection, session, version, found, settings.log), signal, settings.log);
}

async function serveOverWebSocket(
  client: ClientRequest,
  session: Session,
  settings: Settings,
  connections: OpenConnections,
): Promise<void> {
  const accepted = acceptWebSocket(client, commandProtocols);
  if (accepted === undefined) return;
  const { codec, status, halfClose } = accepted.protocol;
  const { connection, signal } = watchConnection(
    settings,
    connections,
    (onActivity) => new ChannelConnection(accepted.socket, { codec, halfClose, onActivity }),
  );
  const ends = new WebSocketEnds(connection, session, status, settings.log);
  await ends.announce();
  await runSession(session, ends, signal, settings.log);
}
