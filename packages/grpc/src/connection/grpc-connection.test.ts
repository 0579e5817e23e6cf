import { equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { DescService } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { Streaming } from "@crib/wire/streaming";
import { TaskV3 } from "@crib/wire/task";
import { Server } from "@grpc/grpc-js";

import { addGrpcService } from "../server/add-grpc-service.ts";
import type { GrpcHandlers } from "../server/handlers.ts";
import { listenGrpc } from "../server/listen-grpc.ts";
import { openDirectory } from "../testing/serve-locally.ts";
import { openGrpcConnection } from "./open-grpc-connection.ts";
import type { GrpcConnection } from "./types.ts";

/** A connection to a server of grpc-js with one service. */
async function serve<S extends DescService>(
  t: TestContext,
  service: S,
  handlers: GrpcHandlers<S>,
): Promise<GrpcConnection> {
  const path = join(await openDirectory(t), "server.sock");
  const server = new Server();
  addGrpcService(server, service, handlers);
  const listening = await listenGrpc(server, path);
  const connection = await open(path);
  t.after(async () => {
    await connection.close();
    await listening.close(0);
  });
  return connection;
}

async function open(path: string): Promise<GrpcConnection> {
  const socket = connect(path);
  await once(socket, "connect");
  return openGrpcConnection(socket);
}

test("calls are answered, many at a time, and bring metadata and deadlines", async (t) => {
  const seen: unknown[] = [];
  const connection = await serve(t, TaskV3, {
    state: async ({ id }, { metadata }) => {
      seen.push(metadata["containerd-namespace"]);
      await delay(Number(id));
      return { id, pid: Number(id) };
    },
  });
  const answers = await Promise.all(
    [30, 20, 10].map((ms) =>
      connection.unary(TaskV3.method.state, { id: `${ms}` }, { metadata: [["Containerd-Namespace", "k8s.io"]] }),
    ),
  );
  equal(answers.map(({ pid }) => pid).join(), "30,20,10");
  equal(seen[0], "k8s.io");
});

test("an error keeps the server's code and words; a method that is not there is Unimplemented", async (t) => {
  const connection = await serve(t, TaskV3, {
    state: () => {
      throw new StatusError(Code.NotFound, 'no task "ä%1"');
    },
  });
  await rejects(connection.unary(TaskV3.method.state, { id: "a" }), { code: Code.NotFound, message: 'no task "ä%1"' });
  await rejects(connection.unary(Streaming.method.stream as never, {}), { code: Code.Unimplemented });
  await rejects(connection.unary(TaskV3.method.resizePty, { width: -1 }), { code: Code.InvalidArgument });
});

test("who gives a call up gets its reason, and the server learns of it", async (t) => {
  const gone: Promise<void>[] = [];
  const connection = await serve(t, TaskV3, {
    wait: async (_, { signal }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gone.push(promise);
      signal.addEventListener("abort", () => resolve());
      await promise;
      return {};
    },
  });
  // Where the machine stalls, a deadline passes before the server has seen the call.
  for (let timeoutMs = 30; gone.length === 0; timeoutMs *= 2) {
    await rejects(connection.unary(TaskV3.method.wait, { id: "a" }, { timeoutMs }), { code: Code.DeadlineExceeded });
  }
  const late = gone.length;
  const caller = new AbortController();
  const waiting = connection.unary(TaskV3.method.wait, { id: "a" }, { signal: caller.signal });
  while (gone.length === late) await delay(1);
  caller.abort();
  await rejects(waiting, { code: Code.Canceled });
  await rejects(connection.unary(TaskV3.method.wait, { id: "a" }, { signal: caller.signal }), { code: Code.Canceled });
  await Promise.all(gone);
});

test("a stream goes both ways until its end, and no faster than it is read", async (t) => {
  let sent = 0;
  const connection = await serve(t, Streaming, {
    async *stream(requests) {
      const first = await requests[Symbol.asyncIterator]().next();
      yield first.value ?? {};
      for (sent = 1; sent <= 100; sent += 1) yield { value: Buffer.alloc(32_768, sent) };
    },
  });
  const stream = connection.stream(Streaming.method.stream);
  await stream.send({ typeUrl: "hello" });
  equal((await stream.responses.next()).value?.typeUrl, "hello");
  await delay(50);
  ok(sent < 50, `${sent} were sent to nobody`);
  let bytes = 0;
  for await (const { value } of stream.responses) bytes += value.length;
  equal(bytes, 100 * 32_768);
  await rejects(stream.send({}), { code: Code.FailedPrecondition });
});

test("a lost connection fails what runs and what comes later", async (t) => {
  const sockets: Socket[] = [];
  const path = join(await openDirectory(t), "mute.sock");
  const server = createServer((socket) => sockets.push(socket.on("error", () => {}).resume()));
  await once(server.listen(path), "listening");
  t.after(() => server.close());
  const connection = await open(path);
  const stream = connection.stream(Streaming.method.stream);
  const calls = [
    connection.unary(TaskV3.method.connect, { id: "a" }),
    stream.responses.next(),
    connection.closed.then((reason) => Promise.reject(reason)),
  ].map((call) => rejects(call, { code: Code.Unavailable }));
  while (sockets.length === 0) await delay(1);
  for (const socket of sockets) socket.destroy();
  await Promise.all(calls);
  await rejects(connection.unary(TaskV3.method.connect, { id: "a" }), { code: Code.Unavailable });
  await rejects(stream.send({}), { code: Code.Unavailable });
  await connection.close();
});

test("a peer that speaks something else is an error, not a wait", async (t) => {
  const path = join(await openDirectory(t), "other.sock");
  const server = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await once(server.listen(path), "listening");
  t.after(() => server.close());
  const connection = await open(path);
  await rejects(connection.unary(TaskV3.method.connect, { id: "a" }), { code: Code.Unavailable });
  equal((await connection.closed).code, Code.Unavailable);
});

test("leaving a stream early cancels it at the server", async (t) => {
  const left = Promise.withResolvers<void>();
  const connection = await serve(t, Streaming, {
    async *stream(_, { signal }) {
      signal.addEventListener("abort", () => left.resolve());
      yield { typeUrl: "a" };
      await left.promise;
    },
  });
  for await (const { typeUrl } of connection.stream(Streaming.method.stream).responses) {
    equal(typeUrl, "a");
    break;
  }
  await left.promise;
});
