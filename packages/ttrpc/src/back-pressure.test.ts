import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { openTtrpcClient } from "./client.ts";
import { encodeRequest } from "./envelope.ts";
import { encodeFrame, FrameType } from "./frame.ts";
import { createTtrpcServer } from "./server.ts";
import { clientAndServer, socketPair, turn } from "./testing/socket-pair.ts";
import { testService } from "./testing/test-service.ts";

const { say, chat, count, echoBytes, join } = testService.method;
const text = "x".repeat(10_000);

/** Waits until a count has been the same for a while. One that is never held up fails. */
async function untilStill(count: () => number): Promise<void> {
  for (let before = -1; count() !== before || before === 0;) {
    before = count();
    ok(before < 20_000, "nothing holds it up");
    await turn(50);
  }
}

test("a client's send waits for a peer that does not read, and fails when it goes away", async (t) => {
  const { near, far } = await socketPair(t);
  const client = openTtrpcClient(near);
  const stream = client.stream(join);
  let sent = 0;
  const sending = (async () => {
    for (;;) {
      await stream.send({ value: text });
      sent++;
    }
  })();
  const outcome = sending.catch((error: StatusError) => error);
  await untilStill(() => sent);
  ok(near.writableLength < 200_000, `${near.writableLength} bytes are held`);
  far.destroy();
  equal((await outcome).code, Code.Unavailable);
});

test("a unary call that cannot be sent yet obeys its deadline and is never sent", async (t) => {
  const { near, far } = await socketPair(t);
  await using client = openTtrpcClient(near);
  const first = client.unary(echoBytes, { value: new Uint8Array(2_000_000) }).catch((error: StatusError) => error);
  const held = near.writableLength;
  await rejects(client.unary(say, { value: text }, { timeoutMs: 20 }), { code: Code.DeadlineExceeded });
  equal(near.writableLength, held);
  far.destroy();
  await first;
});

test("a slow consumer of a stream stops the server's handler, and loses nothing", async (t) => {
  let made = 0;
  const { client } = await clientAndServer(t, {
    chat: async function* () {
      for (; made < 1_000; made++) yield { value: text };
    },
  });
  const { responses } = client.stream(chat);
  await responses.next();
  await untilStill(() => made);
  ok(made < 500, `${made} messages of 10 kB were made for a consumer that took one`);
  let taken = 1;
  for await (const _ of responses) taken++;
  equal(taken, 1_000);
});

test("a handler that reads too slowly stalls its connection, then its stream fails and the others go on", async (t) => {
  let signal: AbortSignal | undefined;
  const { client } = await clientAndServer(
    t,
    {
      say: ({ value }) => ({ value }),
      join: async (_requests, context) => {
        signal = context.signal;
        return await new Promise(() => {});
      },
    },
    { server: { stallMs: 100 } },
  );
  const stream = client.stream(join);
  const started = performance.now();
  for (let i = 0; i < 65; i++) await stream.send({ value: "x" });
  equal((await client.unary(say, { value: "after" })).value, "after");
  ok(performance.now() - started >= 90, "the connection was not held");
  await rejects(stream.responses.next(), { code: Code.ResourceExhausted, message: /not read for 100 ms/ });
  equal(signal?.aborted, true);
});

test("a handler that catches up in time gets every message", async (t) => {
  const { client } = await clientAndServer(
    t,
    {
      join: async (requests) => {
        let received = 0;
        for await (const _ of requests) if (received++ % 100 === 0) await turn(20);
        return { value: String(received) };
      },
    },
    { server: { stallMs: 60_000 } },
  );
  const stream = client.stream(join);
  for (let i = 0; i < 500; i++) await stream.send({ value: "x" });
  await stream.closeSend();
  equal((await stream.responses.next()).value?.value, "500");
});

test("a peer that calls and never reads its answers is no longer read", async (t) => {
  let calls = 0;
  const { near, far } = await socketPair(t);
  const server = createTtrpcServer();
  t.after(() => server.close());
  server.handle(testService, {
    say: () => {
      calls++;
      return { value: text };
    },
  });
  server.serve(far);
  near.pause();
  const payload = encodeRequest({
    service: "crib.test.Test",
    method: "Say",
    payload: undefined,
    timeoutNano: 0n,
    metadata: [],
  });
  for (let i = 0; i < 20_000; i++)
    near.write(encodeFrame({ streamId: 2 * i + 1, type: FrameType.Request, flags: 0, payload }));
  await untilStill(() => calls);
  ok(calls > 0 && calls < 10_000, `${calls} calls were taken`);
  // One chunk of requests may be under way when the socket fills; nothing is written before it drains.
  ok(far.writableLength < 2_000_000, `${far.writableLength} bytes are held`);
});

test("a consumer that never comes holds no more than its share", async (t) => {
  const { client } = await clientAndServer(t, {
    count: async function* () {
      for (let i = 0; i < 100_000; i++) yield { value: i };
    },
  });
  const abort = new AbortController();
  const stream = client.stream(count, { signal: abort.signal });
  await stream.send({});
  await turn(50);
  abort.abort();
  await rejects(stream.responses.next(), { code: Code.Canceled });
  // The frames of the abandoned stream are read and dropped, so the connection works again.
  await rejects(client.unary(testService.method.nothing, {}), { code: Code.Unimplemented });
});
