import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { createWebSocketStream, WebSocket } from "ws";

import { connectPortForward, openPortForward } from "../client/open-port-forward.ts";
import { SpdyConnection } from "../spdy/spdy-connection.ts";
import { openWebSocket, requestRaw, startServer } from "../testing/index.ts";
import type { PortForward } from "../types.ts";

/** A WebSocket client on a connection whose handshake is done, by the one method of ws that makes one. */
function websocketOver(connection: Socket): WebSocket {
  const Made = WebSocket as unknown as new (address: null, protocols: undefined, options: object) => WebSocket;
  const socket = new Made(null, undefined, {});
  const inner = socket as unknown as {
    _isServer: boolean;
    setSocket(connection: Socket, head: Buffer, options: object): void;
  };
  inner._isServer = false;
  inner.setSocket(connection, Buffer.alloc(0), {});
  return socket;
}

/** Answers with what it got, once it has all of it. */
const answering: PortForward["connect"] = async (port, stream) => void stream.end(`${port}: ${await text(stream)}`);
const spdy = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: portforward.k8s.io"];

async function ask(stream: Duplex, question: string): Promise<string> {
  stream.end(question);
  return await text(stream);
}

test("many connections at once, each with its own port and both halves", async (t) => {
  await using server = await startServer();
  using client = await openPortForward(server.portForward({ ports: [], connect: answering }), t.signal);
  const ports = Array.from({ length: 100 }, (_, index) => 8000 + index);
  const answers = await Promise.all(ports.map(async (port) => await ask(await client.connect(port), `to ${port}`)));
  deepEqual(answers, ports.map((port) => `${port}: to ${port}`)); // prettier-ignore
});

test("a connection that fails is told why, and the others go on", async (t) => {
  await using server = await startServer();
  const connect: PortForward["connect"] = (port, stream, signal) =>
    port === 1 ? Promise.reject(new Error("connection refused")) : answering(port, stream, signal);
  using client = await openPortForward(server.portForward({ ports: [], connect }), t.signal);
  const good = await client.connect(2);
  await rejects(text(await client.connect(1)), { code: Code.Unavailable, message: /port 1: connection refused/ });
  equal(await ask(good, "still here"), "2: still here");
});

test("real sockets at both ends", async (t) => {
  const target = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await once(target, "listening");
  const { port } = target.address() as { port: number };
  await using server = await startServer();
  const connect: PortForward["connect"] = async (port, stream, signal) => {
    const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    await Promise.all([pipeline(stream, socket, { signal }), pipeline(socket, stream, { signal })]);
  };
  const stream = await connectPortForward(server.portForward({ ports: [], connect }), port, t.signal);
  equal(await ask(stream, "x".repeat(300_000)), "x".repeat(300_000));
  target.close();
});

test("a client that gives up one connection aborts nothing else and is told nothing", async (t) => {
  await using server = await startServer();
  const gone = Promise.withResolvers<void>();
  const connect: PortForward["connect"] = async (port, stream, signal) => {
    if (port === 2) return answering(port, stream, signal);
    try {
      await text(stream);
    } finally {
      gone.resolve();
    }
  };
  using client = await openPortForward(server.portForward({ ports: [], connect }), t.signal);
  (await client.connect(1)).destroy();
  await gone.promise;
  equal(await ask(await client.connect(2), "here"), "2: here");
});

test("old clients without request ids are understood; wrong ports, types and lonely streams are not", async () => {
  await using server = await startServer({ creationMs: 100 });
  using raw = await requestRaw(server.portForward({ ports: [], connect: answering }), spdy, "POST");
  raw.socket.removeAllListeners("data");
  const connection = new SpdyConnection(raw.socket, { role: "client" });
  connection.start();
  const open = (streamtype: string, port: string): ReturnType<SpdyConnection["open"]> =>
    connection.open(new Map([["streamtype", streamtype], ["port", port]])); // prettier-ignore
  const error = open("error", "80");
  const data = open("data", "80");
  equal(await ask(data, "old"), "80: old");
  equal(await text(error), "");
  for (const [type, port] of [["data", "0"], ["data", "65536"], ["data", "80x"], ["error", ""], ["stdin", "80"]]) await rejects(open(type!, port!).accepted); // prettier-ignore
  match(await text(open("error", "81")), /not opened in time/);
  connection.destroy();
});

test("WebSocket: two channels for each port, each beginning with the port", async () => {
  await using server = await startServer();
  const connect: PortForward["connect"] = async (port, stream) => {
    if (port === 258) throw new Error("refused");
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      stream.write(`${port}: ${chunk.toString()}`);
      break;
    }
  };
  using client = await openWebSocket(server.portForward({ ports: [80, 258], connect }), "v4.channel.k8s.io");
  client.socket.send(Buffer.from("\0hello"));
  equal(await client.closed, 1000);
  deepEqual(client.channel(0), Buffer.from("\x50\x0080: hello", "latin1"));
  deepEqual(client.channel(1), Buffer.from([80, 0]));
  deepEqual(client.channel(2), Buffer.from([2, 1]));
  equal(client.channel(3).toString("latin1"), "\x02\x01forwarding port 258: refused");
});

test("WebSocket without ports is closed", async () => {
  await using server = await startServer();
  using client = await openWebSocket(server.portForward({ ports: [], connect: answering }), "v4.channel.k8s.io");
  equal(await client.closed, 1008);
});

test("SPDY in a WebSocket, as kubectl speaks it to API servers", async () => {
  await using server = await startServer();
  const { hostname, port, pathname } = new URL(server.portForward({ ports: [], connect: answering }));
  // ws refuses to ask for a name with a slash, so the request is written here.
  const key = Buffer.alloc(16, 7).toString("base64");
  const handshake = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io",
  ];
  using raw = await requestRaw(`http://${hostname}:${port}${pathname}`, handshake);
  match(raw.answer, /^HTTP\/1\.1 101 /);
  match(raw.answer, /^Sec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io$/m);
  raw.socket.removeAllListeners("data");
  const socket = websocketOver(raw.socket);
  const tunnel = createWebSocketStream(socket);
  const connection = new SpdyConnection(tunnel, { role: "client" });
  connection.start();
  const open = (streamtype: string): ReturnType<SpdyConnection["open"]> =>
    connection.open(new Map([["streamtype", streamtype], ["port", "80"], ["requestid", "0"]])); // prettier-ignore
  const error = open("error");
  equal(await ask(open("data"), "x".repeat(200_000)), `80: ${"x".repeat(200_000)}`);
  equal(await text(error), "");
  ok(!tunnel.destroyed);
  connection.destroy();
});
