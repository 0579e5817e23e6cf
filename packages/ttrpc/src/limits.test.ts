import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openTtrpcClient } from "./client.ts";
import { decodeResponse, encodeRequest } from "./envelope.ts";
import { FrameReader, type ReceivedFrame } from "./frame-reader.ts";
import { defaultMaxMessageBytes, encodeFrame, FrameFlag, FrameType } from "./frame.ts";
import { clientAndServer, socketPair } from "./testing/socket-pair.ts";
import { testService } from "./testing/test-service.ts";

const megabyte = 1 << 20;
const { echoBytes, say } = testService.method;

test("a message just under 4 MiB passes in both directions", async (t) => {
  const { client } = await clientAndServer(t, { echoBytes: ({ value }) => ({ value }) });
  const value = new Uint8Array(4 * megabyte - 100).fill(7);
  const answer = await client.unary(echoBytes, { value });
  ok(Buffer.from(answer.value).equals(value));
  deepEqual((await client.unary(echoBytes, { value: Uint8Array.of(1, 2) })).value, Uint8Array.of(1, 2));
});

test("a request over the limit is refused before it is sent", async (t) => {
  const { client } = await clientAndServer(t, { echoBytes: ({ value }) => ({ value }) });
  const value = new Uint8Array(4 * megabyte);
  await rejects(client.unary(echoBytes, { value }), { code: Code.ResourceExhausted, message: /over the limit/ });
  equal((await client.unary(echoBytes, { value: value.subarray(0, 3) })).value.length, 3);
});

test("a response over the limit is ResourceExhausted at the caller, and the connection lives", async (t) => {
  const { client } = await clientAndServer(t, {
    echoBytes: ({ value }) => ({ value: new Uint8Array(value.length * 1_000) }),
    say: () => {
      throw new Error("x".repeat(5 * megabyte));
    },
  });
  const value = new Uint8Array(5_000);
  await rejects(client.unary(echoBytes, { value }), { code: Code.ResourceExhausted });
  await rejects(client.unary(say, {}), { code: Code.Unknown, message: "x".repeat(1_024) });
  equal((await client.unary(echoBytes, { value: value.subarray(0, 3) })).value.length, 3_000);
});

test("a server skips exactly the bytes of an over-long frame and answers on its stream", async (t) => {
  const { client, near } = await clientAndServer(
    t,
    { say: ({ value }) => ({ value }) },
    { server: { maxMessageBytes: 1_000 } },
  );
  const received = record(near);
  near.write(encodeFrame({ streamId: 1, type: FrameType.Request, flags: 0, payload: new Uint8Array(100_000) }));
  near.write(request(3, "after"));
  await received.frames(2);
  deepEqual(received.statuses(), [
    [1, Code.ResourceExhausted],
    [3, Code.OK],
  ]);
  await client.close();
});

test("a client fails the call whose answer is over-long, skips it and goes on", async (t) => {
  const { near, far } = await socketPair(t);
  await using client = openTtrpcClient(near, { maxMessageBytes: 1_000 });
  const call = client.unary(say, { value: "x" });
  far.write(encodeFrame({ streamId: 1, type: FrameType.Response, flags: 0, payload: new Uint8Array(50_000) }));
  await rejects(call, { code: Code.ResourceExhausted });
  const stream = client.serverStream(testService.method.count, {})[Symbol.asyncIterator]();
  far.write(encodeFrame({ streamId: 3, type: FrameType.Data, flags: 0, payload: new Uint8Array(50_000) }));
  await rejects(stream.next(), { code: Code.ResourceExhausted });
  const next = client.unary(say, { value: "x" });
  far.write(encodeFrame({ streamId: 5, type: FrameType.Response, flags: 0, payload: new Uint8Array(0) }));
  equal((await next).value, "");
});

test("an over-long message of a stream stops its call", async (t) => {
  const aborted = Promise.withResolvers<void>();
  const { near } = await clientAndServer(
    t,
    {
      join: async (_requests, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve());
        return await new Promise(() => {});
      },
    },
    { server: { maxMessageBytes: 1_000 } },
  );
  const received = record(near);
  near.write(request(1, "", { method: "Join", flags: FrameFlag.RemoteOpen }));
  near.write(encodeFrame({ streamId: 1, type: FrameType.Data, flags: 0, payload: new Uint8Array(2_000) }));
  await received.frames(1);
  deepEqual(received.statuses(), [[1, Code.ResourceExhausted]]);
  await aborted.promise;
});

test("a connection has a limit of running calls", async (t) => {
  const gate = Promise.withResolvers<{ value: string }>();
  const { client } = await clientAndServer(t, { say: () => gate.promise }, { server: { maxCallsPerConnection: 2 } });
  const calls = [client.unary(say, {}), client.unary(say, {})];
  await rejects(client.unary(say, {}), { code: Code.ResourceExhausted, message: /2 calls/ });
  gate.resolve({ value: "done" });
  for (const call of calls) equal((await call).value, "done");
  equal((await client.unary(say, {})).value, "done");
});

test("bad stream ids are InvalidArgument, and so are data without a stream and requests that are none", async (t) => {
  const { near } = await clientAndServer(t, { say: ({ value }) => ({ value }) });
  const received = record(near);
  near.write(request(2, "even"));
  near.write(request(5, "first"));
  near.write(request(5, "again"));
  near.write(request(3, "lower"));
  near.write(encodeFrame({ streamId: 9, type: FrameType.Data, flags: 0, payload: new Uint8Array(3) }));
  near.write(encodeFrame({ streamId: 11, type: FrameType.Request, flags: 0, payload: new Uint8Array([0xff, 0xff]) }));
  await received.frames(6);
  deepEqual(received.statuses(), [
    [2, Code.InvalidArgument],
    [5, Code.InvalidArgument],
    [3, Code.InvalidArgument],
    [9, Code.InvalidArgument],
    [11, Code.InvalidArgument],
    [5, Code.OK],
  ]);
});

test("memory follows what arrived, not what a header promises", () => {
  const reader = new FrameReader(defaultMaxMessageBytes);
  const header = encodeFrame({ streamId: 1, type: FrameType.Data, flags: 0, payload: new Uint8Array(0) });
  new DataView(header.buffer).setUint32(0, 0xffff_ffff);
  reader.push(header);
  equal(reader.next()?.payload, undefined);
  const chunk = new Uint8Array(megabyte);
  for (let left = 0xffff_ffff; left > 0; left -= megabyte) reader.push(chunk.subarray(0, left));
  equal(reader.insideFrame, false);
  reader.push(encodeFrame({ streamId: 3, type: FrameType.Data, flags: 0, payload: new Uint8Array([1, 2]) }));
  deepEqual([...(reader.next()?.payload ?? [])], [1, 2]);
});

function request(streamId: number, value: string, change: { method?: string; flags?: number } = {}): Uint8Array {
  const text = new TextEncoder().encode(value);
  const payload = encodeRequest({
    service: "crib.test.Test",
    method: change.method ?? "Say",
    payload: value === "" ? undefined : new Uint8Array([0x0a, text.length, ...text]),
    timeoutNano: 0n,
    metadata: [],
  });
  return encodeFrame({ streamId, type: FrameType.Request, flags: change.flags ?? 0, payload });
}

interface Recorder {
  frames(count: number): Promise<void>;
  statuses(): (readonly [streamId: number, code: number])[];
}

/** Collects the frames that arrive at a raw socket. */
function record(socket: NodeJS.ReadableStream & NodeJS.EventEmitter): Recorder {
  const reader = new FrameReader(defaultMaxMessageBytes);
  const seen: ReceivedFrame[] = [];
  const events = socket.on("data", (chunk: Uint8Array) => {
    reader.push(Uint8Array.from(chunk));
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) seen.push(frame);
  });
  return {
    async frames(count) {
      while (seen.length < count) await once(events, "data");
    },
    statuses: () =>
      seen.map(({ streamId, payload }) => [streamId, decodeResponse(payload ?? new Uint8Array(0)).status?.code ?? 0]),
  };
}
