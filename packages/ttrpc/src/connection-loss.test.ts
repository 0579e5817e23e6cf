import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { connectTtrpc } from "./connect.ts";
import { encodeFrame, FrameType } from "./frame.ts";
import { createTtrpcServer } from "./server.ts";
import { clientAndServer, listen, turn } from "./testing/socket-pair.ts";
import { testService } from "./testing/test-service.ts";

const { say, chat, join } = testService.method;

test("losing the connection fails all that is pending, tells the handlers, and later calls fail at once", async (t) => {
  const signals: AbortSignal[] = [];
  const { client, far } = await clientAndServer(t, {
    say: (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
    chat: async function* (requests, { signal }) {
      signals.push(signal);
      for await (const { value } of requests) yield { value };
    },
  });
  const calls = [client.unary(say, {}), client.unary(say, {})].map((call) => call.catch((error: StatusError) => error));
  const stream = client.stream(chat);
  await stream.send({ value: "a" });
  equal((await stream.responses.next()).value?.value, "a");
  far.destroy();
  for (const call of calls) {
    const error = (await call) as StatusError;
    equal(error.code, Code.Unavailable);
    equal(error.message, "ttrpc: connection closed: by the peer");
  }
  await rejects(stream.responses.next(), { code: Code.Unavailable });
  equal((await client.closed).code, Code.Unavailable);
  await rejects(client.unary(say, {}), { code: Code.Unavailable });
  await rejects(client.stream(join).responses.next(), { code: Code.Unavailable });
  await turn();
  equal(signals.length, 3);
  ok(signals.every((signal) => signal.aborted));
});

test("what a server sent before it closed is received", async (t) => {
  const { client, far } = await clientAndServer(t, {
    say: ({ value }) => {
      setImmediate(() => far.end());
      return { value };
    },
    count: async function* () {
      for (let i = 0; i < 200; i++) yield { value: i };
      setImmediate(() => far.end());
    },
  });
  const numbers: number[] = [];
  for await (const { value } of client.serverStream(testService.method.count, {})) numbers.push(value);
  equal(numbers.length, 200);
  equal((await client.closed).message, "ttrpc: connection closed: by the peer");
});

test("half a frame at the end is told apart", async (t) => {
  const { client, far } = await clientAndServer(t, {});
  const call = client.unary(testService.method.nothing, {}).catch((error: StatusError) => error);
  far.end(encodeFrame({ streamId: 1, type: FrameType.Response, flags: 0, payload: new Uint8Array(9) }).subarray(0, 12));
  ok(/Unimplemented|middle of a frame|has no method/.test(((await call) as StatusError).message));
  ok(/middle of a frame/.test((await client.closed).message));
});

test("closing a client fails its calls, and closing twice is harmless", async (t) => {
  const { client } = await clientAndServer(t, { say: () => new Promise(() => {}) });
  const call = client.unary(say, {}).catch((error: StatusError) => error);
  await Promise.all([client.close(), client.close()]);
  equal(((await call) as StatusError).message, "ttrpc: connection closed: by this side");
  await client.close();
});

test("connecting where nobody listens is Unavailable, and a signal ends the attempt", async (t) => {
  const { path, listener } = await listen(t);
  await rejects(connectTtrpc({ path: `${path}-missing` }), {
    code: Code.Unavailable,
    message: /^connecting to ".*missing"/,
  });
  await rejects(connectTtrpc({ path }, { signal: AbortSignal.abort() }), { code: Code.Canceled });
  await rejects(connectTtrpc({ path: "x".repeat(300) }), { code: Code.InvalidArgument });
  const server = createTtrpcServer();
  server.handle(testService, { say: ({ value }) => ({ value }) });
  server.serve(listener);
  await using client = await connectTtrpc({ path });
  equal((await client.unary(say, { value: "x" })).value, "x");
  await server.close();
  equal((await client.closed).code, Code.Unavailable);
});

test("a closing server lets running calls answer within its grace, refuses new ones, and cuts the rest", async (t) => {
  const { listener, path } = await listen(t);
  const server = createTtrpcServer();
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<{ value: string }>();
  server.handle(testService, {
    say: ({ value }) => {
      if (value === "second") started.resolve();
      return value === "stuck" ? new Promise(() => {}) : gate.promise;
    },
  });
  server.serve(listener);
  await using client = await connectTtrpc({ path });
  await using stuckClient = await connectTtrpc({ path });
  const stuck = stuckClient.unary(say, { value: "stuck" }).catch((error: StatusError) => error);
  const calls = [client.unary(say, {}), client.unary(say, { value: "second" })];
  await started.promise;
  const closed = server.close({ graceMs: 2_000 });
  await rejects(client.unary(say, {}), { code: Code.Unavailable, message: "the server is closing" });
  gate.resolve({ value: "done" });
  for (const call of calls) equal((await call).value, "done");
  await closed;
  equal(((await stuck) as StatusError).code, Code.Unavailable);
  await rejects(connectTtrpc({ path }), { code: Code.Unavailable });
});
