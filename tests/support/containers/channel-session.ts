import { openWebSocket } from "@crib/streaming/testing";

import { eventually } from "../eventually.ts";
import { channels } from "./streaming-calls.ts";

/** What a client gives to a session over WebSocket that it joins with protocols of its choice. */
export interface ChannelInput {
  /** Offered to the server, none at all if empty. */
  readonly protocols: readonly string[];
  readonly stdin?: string;
  /** Sent on the channel of sizes. */
  readonly resize?: string;
}

/** All that a session over WebSocket said, and the protocol that the server chose. */
export interface ChannelSession {
  readonly protocol: string;
  readonly stdout: string;
  readonly stderr: string;
  /** As it came on the error channel. */
  readonly error: string;
  /** Whether messages were text (base64) or binary. */
  readonly isText: boolean;
}

/** Joins a session, sends what there is to send when the server is ready, and waits for the end. */
export async function runOverChannels(
  url: string,
  { protocols, stdin, resize }: ChannelInput,
): Promise<ChannelSession> {
  using client = await openWebSocket(url, ...protocols);
  const { protocol } = client.socket;
  const isBase64 = protocol.includes("base64");
  const send = (channel: number, data: string): void =>
    client.socket.send(
      isBase64 ? `${channel}${Buffer.from(data).toString("base64")}` : Buffer.from(`\0${data}`).fill(channel, 0, 1),
    );
  const frames: boolean[] = [];
  client.socket.on("message", (_data, isBinary) => frames.push(!isBinary));
  // The server says that it is ready on the first of its channels.
  await eventually(20_000, () => {
    if (client.messages.length === 0) throw new Error("the server is not ready");
  });
  if (resize !== undefined) send(channels.resize, resize);
  if (stdin !== undefined) send(channels.stdin, stdin);
  await client.closed;
  const said = (channel: number): string => {
    if (!isBase64) return client.channel(channel).toString();
    const messages = client.messages.map(String).filter((message) => message.startsWith(String(channel)));
    return messages.map((message) => Buffer.from(message.slice(1), "base64").toString()).join("");
  };
  const isText = frames.length > 0 && frames.every(Boolean);
  return {
    protocol,
    stdout: said(channels.stdout),
    stderr: said(channels.stderr),
    error: said(channels.error),
    isText,
  };
}
