import type { PortForward, StreamingLog } from "../types.ts";
import type { ChannelConnection } from "../websocket/channel-connection.ts";
import { forwardConnection } from "./forward-connection.ts";

const duplex = { readable: true, writable: true };

/**
 * Forwards the ports of the request over a WebSocket, one connection each: data of port i on channel 2i, its failure on 2i + 1. Both begin with the
 * port, as two bytes, the lower first. Closes when all connections have ended.
 */
export async function forwardOverWebSocket(
  connection: ChannelConnection,
  forward: PortForward,
  signal: AbortSignal,
  log: StreamingLog,
): Promise<void> {
  await Promise.all(forward.ports.map((port, index) => forwardPort(connection, port, index * 2, forward, signal, log)));
  if (!signal.aborted) await connection.end();
}

async function forwardPort(
  connection: ChannelConnection,
  port: number,
  channel: number,
  forward: PortForward,
  signal: AbortSignal,
  log: StreamingLog,
): Promise<void> {
  const data = connection.open(channel, duplex);
  const announcement = Buffer.alloc(2);
  announcement.writeUInt16LE(port);
  await Promise.all([connection.tell(channel, announcement), connection.tell(channel + 1, announcement)]);
  const report = async (message: string | undefined): Promise<void> => {
    data.discard();
    if (message !== undefined) await connection.tell(channel + 1, Buffer.from(message));
  };
  await forwardConnection({ port, data, abandoned: () => signal.aborted, report }, forward, signal, log);
}
