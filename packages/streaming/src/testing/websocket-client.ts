import { once } from "node:events";

import { WebSocket } from "ws";

/** A WebSocket client that keeps what it gets. */
export interface TestWebSocket extends Disposable {
  readonly socket: WebSocket;
  readonly messages: readonly Buffer[];
  /** Settles with the code when the connection has closed. */
  readonly closed: Promise<number>;
  /** What came on a channel of a binary protocol. */
  channel(number: number): Buffer;
}

/** Opens a URL with subprotocols; settles when the server has accepted. */
export async function openWebSocket(url: string, ...protocols: readonly string[]): Promise<TestWebSocket> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), [...protocols]);
  const messages: Buffer[] = [];
  socket.on("message", (data) => messages.push(data as Buffer));
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  await once(socket, "open");
  return {
    socket,
    messages,
    closed,
    channel: (number) =>
      Buffer.concat(messages.filter((message) => message[0] === number).map((message) => message.subarray(1))),
    [Symbol.dispose]: () => socket.terminate(),
  };
}
