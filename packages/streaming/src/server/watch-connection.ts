import { Code, StatusError } from "@crib/errdefs";

import { IdleTimer } from "../session/idle-timer.ts";
import type { StreamingLog } from "../types.ts";
import type { Connection, OpenConnections } from "./open-connections.ts";
import type { Settings } from "./settings.ts";

/** What a session is told about its connection. */
export interface WatchedConnection<Kind extends Connection> {
  readonly connection: Kind;
  /** Aborted when the connection has closed, for whatever reason. */
  readonly signal: AbortSignal;
}

/** Makes a connection that ends itself when idle and is known to the server until it has closed. `open` gets what to call at each sign of life. */
export function watchConnection<Kind extends Connection>(
  settings: Settings,
  connections: OpenConnections,
  open: (onActivity: () => void) => Kind,
): WatchedConnection<Kind> {
  const aborter = new AbortController();
  const idle = new IdleTimer(settings.idleMs, () => {
    connection.destroy(
      new StatusError(Code.DeadlineExceeded, `streaming: nothing sent or received for ${settings.idleMs} ms`),
    );
  });
  const connection = open(() => idle.note());
  connections.add(connection);
  void endWith(connection, idle, aborter, settings.log);
  return { connection, signal: aborter.signal };
}

async function endWith(
  connection: Connection,
  idle: IdleTimer,
  aborter: AbortController,
  log: StreamingLog,
): Promise<void> {
  const reason = await connection.closed;
  idle.stop();
  if (reason !== undefined) log.debug({ error: reason }, "streaming connection broke");
  aborter.abort(reason ?? new StatusError(Code.Canceled, "streaming: the client has left"));
}
