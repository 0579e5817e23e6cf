import { equal, match, ok, rejects } from "node:assert/strict";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { constants, deflateSync } from "node:zlib";

import { connectExec } from "../client/connect-exec.ts";
import { pingFrame, ResetStatus, rstStreamFrame, synStreamFrame } from "../spdy/frame.ts";
import { encodeHeaders } from "../spdy/header-block.ts";
import { HeaderStore } from "../spdy/header-compression.ts";
import { headerDictionary } from "../spdy/header-dictionary.ts";
import { requestRaw, session, spdyHeaders, startServer } from "../testing/index.ts";

const onlyOutput = { stdin: false, stderr: false };
const quick = session(async () => 0, onlyOutput);

function deflated(block: Buffer): Buffer {
  return deflateSync(block, { dictionary: headerDictionary, finishFlush: constants.Z_SYNC_FLUSH });
}

function settings(entries: number): Buffer {
  const frame = Buffer.from([0x80, 3, 0, 4, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 100]);
  frame.writeUInt32BE(entries, 8);
  return frame;
}

const hostile: Readonly<Record<string, Buffer>> = {
  "SETTINGS with 4,294,967,295 entries": settings(0xffffffff),
  "a header count of 2,147,483,648": synStreamFrame(1, deflated(Buffer.from([0x80, 0, 0, 0]))),
  "a name of 2,147,483,648 bytes": synStreamFrame(1, deflated(Buffer.from([0, 0, 0, 1, 0x80, 0, 0, 0]))),
  "a header block that inflates to 16 MiB": synStreamFrame(1, deflated(Buffer.alloc(16 * 1024 * 1024))),
  "a control frame of 16 MiB": Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]),
  "a stream opened twice": Buffer.concat([1, 1].map((id) => synStreamFrame(id, deflated(Buffer.alloc(4))))),
  "data of a stream that was never opened": Buffer.from([0, 0, 0, 9, 0, 0, 0, 1, 7]),
};

for (const [name, bytes] of Object.entries(hostile)) {
  test(`${name} closes the connection and takes no memory`, async () => {
    await using server = await startServer();
    using client = await requestRaw(server.exec(quick), spdyHeaders);
    match(client.answer, /^HTTP\/1\.1 101 /);
    const before = process.memoryUsage().rss;
    client.socket.write(bytes);
    await client.rest;
    ok(process.memoryUsage().rss - before < 8 * 1024 * 1024);
  });
}

test("SETTINGS with as many entries as it says does no harm", async () => {
  await using server = await startServer();
  using client = await requestRaw(server.exec(quick), spdyHeaders);
  const answer = new Promise<Buffer>((resolve) => client.socket.once("data", resolve));
  client.socket.write(Buffer.concat([settings(1), pingFrame(1)]));
  ok((await answer).equals(pingFrame(1)));
});

test("after a failed upgrade the connection is closed, whatever else was asked on it", async () => {
  await using server = await startServer();
  const url = new URL(server.exec(quick));
  using client = await requestRaw(`${server.url}/exec/unknown`, [
    ...spdyHeaders,
    "",
    `GET ${url.pathname} HTTP/1.1`,
    "Host: x",
    ...spdyHeaders,
  ]);
  match(client.answer, /^HTTP\/1\.1 404 /);
  match(client.answer, /^Connection: close$/m);
  equal((await client.rest).toString(), "not found\n");
});

test("requests without an upgrade are refused, unknown ones with 404, and the connection closes", async () => {
  await using server = await startServer();
  for (const method of ["GET", "POST", "DELETE"]) {
    using known = await requestRaw(server.exec(quick), ["Content-Length: 0"], method);
    match(known.answer, /^HTTP\/1\.1 400 /);
    await known.rest;
    using unknown = await requestRaw(`${server.url}/exec/unknown`, [], method);
    match(unknown.answer, /^HTTP\/1\.1 404 /);
    await unknown.rest;
  }
});

test("headers beyond 16 KiB are refused", async () => {
  await using server = await startServer();
  using client = await requestRaw(server.exec(quick), [`X-Long: ${"x".repeat(20_000)}`]);
  match(client.answer, /^HTTP\/1\.1 431 /);
  await client.rest;
});

test("none of the protocols being known is refused with those that are", async () => {
  await using server = await startServer();
  using client = await requestRaw(server.exec(quick), [
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    "X-Stream-Protocol-Version: v9",
  ]);
  match(client.answer, /^HTTP\/1\.1 403 /);
  match(client.answer, /^X-Accepted-Stream-Protocol-Versions: v5.channel.k8s.io,v4.channel.k8s.io,/m);
  using other = await requestRaw(server.exec(quick), ["Connection: Upgrade", "Upgrade: h2c"]);
  match(other.answer, /^HTTP\/1\.1 400 /);
});

test("opening and resetting streams all the time stops that client only", async (t) => {
  await using server = await startServer();
  const forward = server.portForward({ ports: [], connect: () => Promise.resolve() });
  using client = await requestRaw(forward, [
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    "X-Stream-Protocol-Version: portforward.k8s.io",
  ]);
  client.socket.resume();
  const store = new HeaderStore();
  const block = encodeHeaders(new Map([["streamtype", "data"], ["port", "80"]])); // prettier-ignore
  for (let id = 1; id < 60_000; id += 2)
    client.socket.write(Buffer.concat([synStreamFrame(id, store.wrap(block)), rstStreamFrame(id, ResetStatus.Cancel)]));
  const { exitCode } = await connectExec(server.exec(quick), { stdout: new PassThrough() }, t.signal);
  equal(exitCode, 0);
});

test("a client that opens too few streams is dropped", async (t) => {
  await using server = await startServer({ creationMs: 50 });
  const url = server.exec(session(async () => 0));
  await rejects(connectExec(url, { stdout: new PassThrough() }, t.signal));
});

test("clients that send nothing do not keep the server from closing", async () => {
  const server = await startServer();
  const { port } = new URL(server.url);
  const sockets = Array.from({ length: 50 }, () => connect(Number(port), "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => {});
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  await server.close();
  for (const socket of sockets) socket.destroy();
});
