import { deepEqual, equal, ok } from "node:assert/strict";
import { createConnection } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { Code } from "@crib/errdefs";
import { ImageService, RuntimeService } from "@crib/wire/cri";

import { beginCall, frame, openRawSession, type RawAnswer, readStatus } from "./testing/raw-session.ts";
import { sandboxRecord } from "./testing/sandbox-record.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

const runtime = RuntimeService.method;
const MiB = 1024 * 1024;

/** Everybody else is still served, and nothing was a fault of ours. */
async function checkServing(server: TestServer): Promise<void> {
  equal((await server.client.call(runtime.version, {})).runtimeName, "crib");
  deepEqual(
    server.logged.filter(({ level }) => level === "error"),
    [],
  );
}

function residentMiB(): number {
  return process.memoryUsage.rss() / MiB;
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 6_000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  ok(holds());
}

test("frames that lie, lengths that lie and messages that are none are refused by their status", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const gzip = { "grpc-encoding": "gzip" };
  const cases: [string, Buffer, Record<string, string>, readonly (number | "closed")[]][] = [
    ["1 GiB announced", frame(Buffer.alloc(64), { length: 2 ** 30 }), {}, [Code.ResourceExhausted]],
    ["4 GiB announced", frame(Buffer.alloc(64), { length: 2 ** 32 - 1 }), {}, [Code.ResourceExhausted]],
    ["no gzip", frame(Buffer.from("not gzip"), { compressed: true }), gzip, [Code.Internal]],
    ["cut gzip", frame(gzipSync(Buffer.alloc(999)).subarray(0, 20), { compressed: true }), gzip, [Code.Internal]],
    [
      "unknown encoding",
      frame(Buffer.alloc(3), { compressed: true }),
      { "grpc-encoding": "br" },
      [Code.Unimplemented, Code.Internal],
    ],
    ["no protobuf", frame(Buffer.from("ffffffffff", "hex")), {}, [Code.InvalidArgument]],
    ["bad deadline", frame(Buffer.alloc(0)), { "grpc-timeout": "ever" }, [Code.Internal]],
    ["cut frame", frame(Buffer.alloc(3), { length: 9 }), {}, [Code.Internal, Code.Unimplemented, "closed"]],
    [
      "two messages",
      Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(0))]),
      {},
      [Code.Unimplemented, Code.Internal, 0],
    ],
    ["bad binary header", frame(Buffer.alloc(0)), { "x-bin": "?!%" }, [0, Code.Internal]],
  ];
  for (const [label, body, headers, expected] of cases) {
    const stream = beginCall(session, "ListPodSandbox", headers);
    stream.end(body);
    const { status } = await readStatus(stream);
    ok(expected.includes(status), `${label}: ${status}`);
  }
  await checkServing(server);
});

test("a small gzip that grows to a gigabyte is refused and costs no memory", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const member = gzipSync(Buffer.alloc(16 * MiB), { level: 9 });
  const bomb = Buffer.concat(Array.from({ length: 64 }, () => member));
  const before = residentMiB();
  const stream = beginCall(session, "ListPodSandbox", { "grpc-encoding": "gzip" });
  stream.end(frame(bomb, { compressed: true }));
  const { status, message } = await readStatus(stream);
  equal(status, Code.ResourceExhausted, message);
  ok(residentMiB() - before < 96, `${residentMiB() - before} MiB more`);
  await checkServing(server);
});

test("a request above 4 MiB is refused before it is decoded", async () => {
  await using server = await startTestServer();
  const request = Buffer.alloc(5 * MiB);
  const answer = server.client.callRaw("/runtime.v1.RuntimeService/RunPodSandbox", request);
  const error = (await answer.catch((reason: unknown) => reason)) as { code: number };
  equal(error.code, Code.ResourceExhausted);
  await checkServing(server);
});

test("a request of a million empty mounts is refused before one of them is made", async () => {
  await using server = await startTestServer();
  // config = 2, and in it mounts = 7, each of no bytes.
  const config = Buffer.alloc(3 * MiB, Buffer.from([0x3a, 0]));
  const request = Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0xc0, 0x01]), config]);
  const before = residentMiB();
  const error = await server.client
    .callRaw("/runtime.v1.RuntimeService/CreateContainer", request)
    .catch((reason: unknown) => reason);
  equal((error as { code: number }).code, Code.ResourceExhausted);
  equal((error as { details: string }).details, "CreateContainer: a request of more than 200000 values");
  ok(residentMiB() - before < 64, `${residentMiB() - before} MiB more`);
  await checkServing(server);
});

test("paths, methods and content types that are none of ours are answered or closed", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const strange = [
    { ":path": "/" },
    { ":path": "/runtime.v1.RuntimeService/__proto__" },
    { ":path": "/runtime.v1.RuntimeService/constructor" },
    { ":path": "/runtime.v1.RuntimeService/\u00ff\u00fe%0a%zz" },
    { ":path": "/runtime.v1alpha2.RuntimeService/Version" },
    { ":path": `/${"x".repeat(30_000)}` },
    { ":method": "GET" },
    { "content-type": "text/html" },
  ];
  for (const headers of strange) {
    if (session.destroyed) break;
    const stream = beginCall(session, "Version", headers);
    stream.end(frame(Buffer.alloc(0)));
    await readStatus(stream);
  }
  await checkServing(server);
});

test("random bytes as the request of every method are answered by a status", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const seeds = [
    "0a0261620a",
    "0a120a0377656212036e73",
    "1001",
    "08ffffffffffffffffff01",
    "0bffff",
    "ffffffff0f00",
    "",
  ];
  for (const method of [...RuntimeService.methods, ...ImageService.methods]) {
    if (method === runtime.getContainerEvents) continue;
    for (const seed of seeds) {
      const stream = beginCall(session, "", { ":path": `/${method.parent.typeName}/${method.name}` });
      stream.end(frame(Buffer.from(seed, "hex")));
      const { status } = await readStatus(stream);
      ok(
        typeof status === "number" && status !== Code.Internal && status !== Code.Unknown,
        `${method.name}: ${status}`,
      );
    }
  }
  await checkServing(server);
});

test("a header block of a megabyte does not reach a handler", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, "x".repeat(10_000)]));
  let answer: RawAnswer = { status: "closed", message: "" };
  try {
    const stream = beginCall(session, "Version", headers);
    stream.end(frame(Buffer.alloc(0)));
    answer = await readStatus(stream);
  } catch {
    // Refused by our own client, whose limit is the same one.
  }
  equal(answer.status, "closed");
  await checkServing(server);
});

test("bytes that are no HTTP/2 end the connection only", async () => {
  await using server = await startTestServer();
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const settings = Buffer.from("000000040000000000", "hex");
  const hostile = [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.from("16030100ff", "hex"),
    Buffer.alloc(100_000, 0xff),
    preface,
    Buffer.concat([preface, settings, Buffer.from("ffffff0000ffffffff", "hex"), Buffer.alloc(20_000)]),
    // HEADERS on stream 0, DATA on an idle stream, a header block that is no HPACK, a window of zero.
    Buffer.concat([preface, settings, Buffer.from("0000010104000000008c", "hex")]),
    Buffer.concat([preface, settings, Buffer.from("00000300000000000741424344", "hex")]),
    Buffer.concat([preface, settings, Buffer.from("000005010500000001ffffffffff", "hex")]),
    Buffer.concat([preface, settings, Buffer.from("00000408000000000000000000", "hex")]),
  ];
  for (const bytes of hostile) {
    const socket = createConnection(server.socketPath);
    socket.on("error", () => {});
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.on("close", resolve));
  }
  await checkServing(server);
});

test("streams opened and reset without end close the session, and others are served meanwhile", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  let opened = 0;
  const times: number[] = [];
  while (!session.destroyed && !session.closed && opened < 100_000) {
    for (let i = 0; i < 500 && !session.destroyed && !session.closed; i++, opened++) {
      const stream = beginCall(session, "Version");
      stream.close(8);
    }
    const start = performance.now();
    await server.client.call(runtime.version, {});
    times.push(performance.now() - start);
  }
  ok(session.destroyed || session.closed, `still open after ${opened} streams`);
  ok(opened < 20_000, `${opened} streams`);
  await checkServing(server);
});

test("a list that nobody reads is given up, and its status waits for the reader", async () => {
  await using server = await startTestServer({}, { sendTimeoutMs: 100 });
  using session = openRawSession(server.socketPath);
  for (let i = 0; i < 200; i++) {
    const id = i.toString(16).padStart(64, "0");
    server.sandboxes.records.set(id, sandboxRecord(id, { annotations: { document: "x".repeat(100_000) } }));
  }
  const stream = beginCall(session, "StreamPodSandboxes");
  stream.end(frame(Buffer.alloc(0)));
  await until(() => server.logged.length > 0);
  equal((await readStatus(stream)).status, Code.ResourceExhausted);
  await checkServing(server);
});

test("a client that does not read its events is ended, and nothing waits for it", async () => {
  await using server = await startTestServer();
  using session = openRawSession(server.socketPath);
  const stream = beginCall(session, "GetContainerEvents");
  stream.end(frame(Buffer.alloc(0)));
  await until(() => server.eventReaders() === 1);
  const record = sandboxRecord("aa".repeat(32), { annotations: { document: "x".repeat(10_000) } });
  for (let i = 0; i < 3_000; i++) {
    server.sandboxes.publish("started", record);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const answer = readStatus(stream);
  const { status, message } = await answer;
  equal(status, Code.ResourceExhausted);
  ok(message.includes("1000%20messages%20behind"), message);
  equal(server.eventReaders(), 0);
  await checkServing(server);
});

test("a client that goes away ends its watch", async () => {
  await using server = await startTestServer();
  const session = openRawSession(server.socketPath);
  for (let i = 0; i < 50; i++) beginCall(session, "GetContainerEvents").end(frame(Buffer.alloc(0)));
  await until(() => server.eventReaders() === 50);
  session.destroy();
  await until(() => server.eventReaders() === 0);
  await checkServing(server);
});

test("a thousand calls at a time are all answered", async () => {
  await using server = await startTestServer();
  const calls = Array.from({ length: 1_000 }, (_, i) =>
    i % 2 ? server.client.call(runtime.version, {}) : server.client.call(runtime.listPodSandbox, {}),
  );
  equal((await Promise.all(calls)).length, 1_000);
});
