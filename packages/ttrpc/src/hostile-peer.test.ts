import { equal, ok, rejects } from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test, type TestContext } from "node:test";

import { openTtrpcClient } from "./client.ts";
import { encodeRequest } from "./envelope.ts";
import { encodeFrame, FrameType } from "./frame.ts";
import { createTtrpcServer } from "./server.ts";
import { clientAndServer, turn } from "./testing/socket-pair.ts";
import { testService } from "./testing/test-service.ts";

const fuzzedFrames = 2_000;

test("frames of no known type close the connection on either side", async (t) => {
  const { client, near } = await clientAndServer(t, {});
  near.write(encodeFrame({ streamId: 1, type: 9, flags: 0, payload: new Uint8Array(3) }));
  ok((await client.closed).message.startsWith("ttrpc: connection closed"));
  const other = await clientAndServer(t, {});
  other.far.write(encodeFrame({ streamId: 1, type: FrameType.Request, flags: 0, payload: new Uint8Array(3) }));
  equal((await other.client.closed).message, "ttrpc: connection closed: frame of type 1 from a server");
});

test("an answer that cannot be decoded fails its call only", async (t) => {
  const { client, far } = await clientAndServer(t, { say: () => new Promise(() => {}), nothing: () => ({}) });
  const call = client.unary(testService.method.say, {});
  far.write(encodeFrame({ streamId: 1, type: FrameType.Response, flags: 0, payload: new Uint8Array([0x0a, 0xff]) }));
  await rejects(call, { message: /cannot be decoded/ });
  await client.unary(testService.method.nothing, {});
});

test("a server survives random frames", async (t) => {
  const problems = watchProcess(t);
  const random = randomFrom(0x5eed);
  const server = createTtrpcServer({ maxMessageBytes: 4_096, stallMs: 5 });
  t.after(() => server.close());
  let calls = 0;
  server.handle(testService, {
    say: ({ value }) => {
      calls++;
      return { value };
    },
    count: async function* ({ value }, { signal }) {
      for (let i = 0; i < value && !signal.aborted; i++) yield { value: i };
    },
    join: async (requests) => {
      calls++;
      for await (const _ of requests);
      return {};
    },
    chat: async function* (requests) {
      for await (const message of requests) yield message;
    },
  });
  for (let frames = 0; frames < fuzzedFrames;) {
    const [near, far] = duplexPair();
    near.on("error", () => {});
    near.resume();
    server.serve(far);
    let streamId = 1;
    for (let i = 0; i < 40 && !near.destroyed; i++, frames++) near.write(randomFrame(random, 1, () => (streamId += 2)));
    await turn();
    near.destroy();
  }
  await turn(20);
  ok(calls > 20, `only ${calls} of the frames were calls`);
  equal(problems.join("\n"), "");
});

test("a client survives random frames", async (t) => {
  const problems = watchProcess(t);
  const random = randomFrom(0xc11e);
  for (let frames = 0; frames < fuzzedFrames;) {
    const [near, far] = duplexPair();
    far.on("error", () => {});
    far.resume();
    const client = openTtrpcClient(near, { maxMessageBytes: 4_096 });
    const outcomes = Array.from({ length: 5 }, () => client.unary(testService.method.say, {}).catch(() => {}));
    const stream = client.stream(testService.method.chat);
    const reading = (async () => {
      for await (const _ of stream.responses);
    })().catch(() => {});
    let streamId = -1;
    for (let i = 0; i < 40; i++, frames++) far.write(randomFrame(random, 2, () => (streamId += 2)));
    await turn();
    await client.close();
    await Promise.all([...outcomes, reading]);
    far.destroy();
  }
  equal(problems.join("\n"), "");
});

test("pure noise, byte by byte, does no harm", async (t) => {
  const problems = watchProcess(t);
  const random = randomFrom(1);
  const server = createTtrpcServer();
  t.after(() => server.close());
  for (let i = 0; i < 200; i++) {
    const [near, far] = duplexPair();
    near.on("error", () => {});
    near.resume();
    server.serve(far);
    for (let n = 0; n < 50; n++) near.write(Uint8Array.of(random() * 256));
    await turn();
    near.destroy();
  }
  equal(problems.join("\n"), "");
});

/** Collects what would have ended the process. */
function watchProcess(t: TestContext): string[] {
  const problems: string[] = [];
  const record = (reason: unknown): void => void problems.push(String(reason));
  process.on("uncaughtException", record).on("unhandledRejection", record);
  t.after(() => process.off("uncaughtException", record).off("unhandledRejection", record));
  return problems;
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Mostly frames that are nearly right, since pure noise is refused at the door. */
function randomFrame(random: () => number, type: number, nextStreamId: () => number): Uint8Array {
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random() * 256);
  const request = encodeRequest({
    service: pick("crib.test.Test", "crib.test.Test", "crib.test.Test", "x"),
    method: pick("Say", "Count", "Join", "Chat", "Chat", "Nothing"),
    payload: pick(undefined, Uint8Array.of(0x0a, 1, 0x61), bytes(3)),
    timeoutNano: pick(0n, 0n, 1n, -1n, 1_000_000n, 1n << 62n),
    metadata: pick([], [["__proto__", "x"] as const]),
  });
  const payload = pick(request, request, Uint8Array.of(0x0a, 1, 0x61), new Uint8Array(0), bytes(20), bytes(5_000));
  const frame = encodeFrame({
    streamId: random() < 0.9 ? Math.max(nextStreamId() - pick(0, 0, 2, 4), 0) : Math.floor(random() * 2 ** 32),
    type: random() < 0.98 ? pick(type, type, 3) : Math.floor(random() * 256),
    flags: pick(0, 0, 1, 2, 4, 5, 255),
    payload,
  });
  if (random() < 0.01) new DataView(frame.buffer).setUint32(0, random() * 2 ** 32);
  return frame;
}
