import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { anyPack, anyUnpack, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";

import type { RemoteError } from "./remote-error.ts";
import { clientAndServer, turn } from "./testing/socket-pair.ts";
import { otherService, testService } from "./testing/test-service.ts";

test("a unary call answers, and metadata and the deadline arrive", async (t) => {
  const { client } = await clientAndServer(
    t,
    {
      say: ({ value }, { metadata, signal }) => ({
        value: `${value} ${JSON.stringify([...metadata])} ${signal.aborted}`,
      }),
    },
    {
      client: {
        metadata: [
          ["Containerd-Namespace-Ttrpc", "k8s.io"],
          ["other", "default"],
        ],
      },
    },
  );
  const metadata = [
    ["OTHER", "1"],
    ["other", "2"],
  ] as const;
  const { value } = await client.unary(testService.method.say, { value: "hello" }, { metadata, timeoutMs: 60_000 });
  equal(value, 'hello [["containerd-namespace-ttrpc",["k8s.io"]],["other",["1","2"]]] false');
});

test("calls run at the same time and answer in any order", async (t) => {
  const gate = Promise.withResolvers<void>();
  const { client } = await clientAndServer(t, {
    say: async ({ value }) => {
      if (value === "slow") await gate.promise;
      return { value };
    },
  });
  const order: string[] = [];
  const slow = client.unary(testService.method.say, { value: "slow" }).then(({ value }) => order.push(value));
  for (let i = 0; i < 100; i++) {
    const { value } = await client.unary(testService.method.say, { value: String(i) });
    equal(value, String(i));
  }
  gate.resolve();
  await slow;
  deepEqual(order, ["slow"]);
});

test("an empty message is a message", async (t) => {
  const { client } = await clientAndServer(t, {
    nothing: () => ({}),
    count: async function* () {
      yield { value: 0 };
      yield { value: 0 };
    },
    chat: async function* (requests) {
      for await (const { value } of requests) yield { value };
    },
  });
  await client.unary(testService.method.nothing, {});
  deepEqual(await collect(client.serverStream(testService.method.count, {})), [0, 0]);
  const chat = client.stream(testService.method.chat);
  await chat.send({});
  await chat.send({ value: "" });
  await chat.closeSend();
  deepEqual(await collect(chat.responses), ["", ""]);
});

test("a server stream gives its messages and ends", async (t) => {
  const { client } = await clientAndServer(t, {
    count: async function* ({ value }) {
      for (let i = 0; i < value; i++) yield { value: i };
    },
  });
  const numbers = await collect(client.serverStream(testService.method.count, { value: 500 }));
  equal(numbers.length, 500);
  equal(numbers[499], 499);
});

test("a client stream gives one answer to many requests", async (t) => {
  const { client } = await clientAndServer(t, {
    join: async (requests) => ({ value: (await collect(requests)).join(",") }),
  });
  const stream = client.stream(testService.method.join);
  for (const value of ["a", "b", "c"]) await stream.send({ value });
  await stream.closeSend();
  await stream.closeSend();
  deepEqual(await collect(stream.responses), ["a,b,c"]);
  await rejects(stream.send({ value: "d" }), { code: Code.FailedPrecondition });
});

test("both sides of a stream speak in turn, and after the client's end the server goes on", async (t) => {
  const { client } = await clientAndServer(t, {
    chat: async function* (requests) {
      for await (const { value } of requests) yield { value: `re: ${value}` };
      yield { value: "bye" };
    },
  });
  const stream = client.stream(testService.method.chat);
  for (let i = 0; i < 20; i++) {
    await stream.send({ value: String(i) });
    deepEqual(await stream.responses.next(), { done: false, value: create(StringValueSchema, { value: `re: ${i}` }) });
  }
  await stream.closeSend();
  deepEqual(await collect(stream.responses), ["bye"]);
});

test("a server may end a stream while the client still sends", async (t) => {
  const { client } = await clientAndServer(t, { join: async () => ({ value: "enough" }) });
  const stream = client.stream(testService.method.join);
  deepEqual(await collect(stream.responses), ["enough"]);
  await rejects(stream.send({ value: "late" }), { code: Code.FailedPrecondition, message: /ended the stream/ });
});

test("an error keeps its code, message and details", async (t) => {
  const detail = anyPack(StringValueSchema, create(StringValueSchema, { value: "more" }));
  const { client } = await clientAndServer(t, {
    say: () => {
      throw Object.assign(new StatusError(Code.NotFound, 'container "c" not created'), { details: [detail] });
    },
  });
  await rejects(client.unary(testService.method.say, {}), (error: RemoteError) => {
    equal(error.code, Code.NotFound);
    equal(error.message, 'container "c" not created');
    equal(anyUnpack(error.details[0] ?? detail, StringValueSchema)?.value, "more");
    ok(error instanceof StatusError);
    return true;
  });
});

test("what has no gRPC code is Unknown", async (t) => {
  const thrown: unknown[] = [
    Object.assign(new Error("no such file"), { code: "ENOENT" }),
    Object.assign(new Error("no such file"), { code: 99 }),
    Object.assign(new Error("no such file"), { code: 0 }),
    "no such file",
    Object.assign(Object.create(null), { text: "no such file" }),
  ];
  const { client } = await clientAndServer(t, {
    say: () => {
      throw thrown.shift();
    },
  });
  while (thrown.length > 0) {
    await rejects(client.unary(testService.method.say, {}), { code: Code.Unknown, message: /no such file/ });
  }
});

test("an error of a stream comes after its messages, and fails what is sent later", async (t) => {
  const { client } = await clientAndServer(t, {
    chat: async function* () {
      yield { value: "one" };
      throw new StatusError(Code.Aborted, "enough");
    },
  });
  const stream = client.stream(testService.method.chat);
  equal((await stream.responses.next()).value?.value, "one");
  await rejects(stream.responses.next(), { code: Code.Aborted, message: "enough" });
  deepEqual(await stream.responses.next(), { done: true, value: undefined });
  await rejects(stream.send({ value: "late" }), { code: Code.Aborted });
});

test("services and methods that are not there are Unimplemented", async (t) => {
  const { client, server } = await clientAndServer(t, { say: ({ value }) => ({ value }) });
  await rejects(client.unary(testService.method.nothing, {}), { code: Code.Unimplemented, message: /"Nothing"/ });
  await rejects(client.unary(otherService.method.say, {}), { code: Code.Unimplemented, message: /"crib.test.Other"/ });
  server.handle(otherService, { say: () => ({ value: "other" }) });
  equal((await client.unary(otherService.method.say, {})).value, "other");
  await rejects(async () => server.handle(otherService, {}), { code: Code.AlreadyExists });
  await rejects(collect(client.serverStream(testService.method.count, {})), { code: Code.Unimplemented });
});

test("an object with state can be the implementation", async (t) => {
  class Greeter {
    readonly #greeting = "hi";
    say({ value }: { value: string }): { value: string } {
      return { value: `${this.#greeting} ${value}` };
    }
  }
  const { client } = await clientAndServer(t, new Greeter());
  equal((await client.unary(testService.method.say, { value: "you" })).value, "hi you");
});

test("a value that its type cannot hold is InvalidArgument, and the connection lives", async (t) => {
  const { client } = await clientAndServer(t, {
    say: ({ value }) => ({ value }),
    count: async function* () {
      yield { value: -1 };
    },
  });
  await rejects(collect(client.serverStream(testService.method.count, { value: -1 })), { code: Code.InvalidArgument });
  await rejects(collect(client.serverStream(testService.method.count, {})), { code: Code.InvalidArgument });
  equal((await client.unary(testService.method.say, { value: "x" })).value, "x");
});

test("leaving the responses early abandons the stream, not the connection", async (t) => {
  let sent = 0;
  const { client } = await clientAndServer(t, {
    say: ({ value }) => ({ value }),
    count: async function* () {
      for (; sent < 1_000; sent++) {
        yield { value: sent };
        if (sent % 100 === 0) await turn();
      }
    },
  });
  for await (const { value } of client.serverStream(testService.method.count, {})) if (value === 3) break;
  equal((await client.unary(testService.method.say, { value: "x" })).value, "x");
});

async function collect<T>(messages: AsyncIterable<{ readonly value: T }>): Promise<T[]> {
  const values: T[] = [];
  for await (const { value } of messages) values.push(value);
  return values;
}
