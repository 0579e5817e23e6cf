import type { Duplex } from "node:stream";

import { endOutput } from "../session/client-ends.ts";
import type { PortForward, StreamingLog } from "../types.ts";

/** What one forwarded connection needs of its transport. */
export interface ForwardedConnection {
  readonly port: number;
  readonly data: Duplex;
  /** Whether the client gave up this connection by itself. */
  readonly abandoned: () => boolean;
  /** Tells the client why the connection failed, or with undefined that there is nothing to tell. */
  readonly report: (message: string | undefined) => Promise<void>;
}

/** Joins one connection with its port. Never rejects: what goes wrong is told to the client and ends this connection only. */
export async function forwardConnection(
  connection: ForwardedConnection,
  forward: PortForward,
  signal: AbortSignal,
  log: StreamingLog,
): Promise<void> {
  let failure: string | undefined;
  try {
    await forward.connect(connection.port, connection.data, signal);
  } catch (error) {
    failure = `forwarding port ${connection.port}: ${error instanceof Error ? error.message : String(error)}`;
    log.debug({ error, port: connection.port }, "forwarded connection failed");
  }
  // kubectl drops all its connections when one has an error, so what the client itself caused is not told.
  await connection.report(connection.abandoned() ? undefined : failure);
  // Behind the failure, so that the client does not take the end of the data for a good one.
  await endOutput(connection.data, log);
}
