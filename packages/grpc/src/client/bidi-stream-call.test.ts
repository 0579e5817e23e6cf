import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { Streaming } from "@crib/wire/streaming";

import { serveLocally } from "../testing/serve-locally.ts";
import { grpcServiceClient } from "./grpc-service-client.ts";

test("a stream both ways answers while it is being written, and ends when its end was sent", async (t) => {
  const channel = await serveLocally(t, Streaming, {
    async *stream(requests) {
      for await (const { typeUrl } of requests) yield { typeUrl: `${typeUrl} back` };
    },
  });
  const { send, responses, end } = grpcServiceClient(Streaming, channel).stream();
  for (const word of ["one", "two"]) {
    await send({ typeUrl: word });
    const answer = await responses.next();
    equal(answer.value?.typeUrl, `${word} back`);
  }
  end();
  end();
  equal((await responses.next()).done, true);
  await rejects(send({ typeUrl: "late" }), { code: Code.FailedPrecondition });
});

test("a failure of the server is told to who sends and to who reads, also to who reads late", async (t) => {
  const channel = await serveLocally(t, Streaming, {
    // oxlint-disable-next-line require-yield
    async *stream(requests) {
      for await (const { typeUrl } of requests) throw new StatusError(Code.NotFound, `no stream "${typeUrl}"`);
    },
  });
  const { send, responses } = grpcServiceClient(Streaming, channel).stream();
  await send({ typeUrl: "a" });
  const failure = { code: Code.NotFound, message: 'no stream "a"' };
  await rejects(async () => {
    for (;;) await send({ typeUrl: "b" });
  }, failure);
  await rejects(responses.next(), failure);
});

test("an aborted stream fails with the class of the reason, and the server learns of it", async (t) => {
  const { promise: gone, resolve } = Promise.withResolvers<AbortSignal>();
  const channel = await serveLocally(t, Streaming, {
    async *stream(_, { signal }) {
      signal.addEventListener("abort", () => resolve(signal));
      yield { typeUrl: "hello" };
      await gone;
    },
  });
  const caller = new AbortController();
  const { send, responses } = grpcServiceClient(Streaming, channel).stream({ signal: caller.signal });
  equal((await responses.next()).value?.typeUrl, "hello");
  caller.abort();
  await rejects(responses.next(), { code: Code.Canceled });
  await rejects(send({ typeUrl: "late" }), { code: Code.Canceled });
  equal(((await gone).reason as StatusError).code, Code.Canceled);
});

test("leaving the answers early cancels the call", async (t) => {
  const { promise: gone, resolve } = Promise.withResolvers<boolean>();
  const channel = await serveLocally(t, Streaming, {
    async *stream(_, { signal }) {
      signal.addEventListener("abort", () => resolve(true));
      yield { typeUrl: "hello" };
      await gone;
    },
  });
  for await (const { typeUrl } of grpcServiceClient(Streaming, channel).stream().responses) {
    equal(typeUrl, "hello");
    break;
  }
  equal(await gone, true);
});

test("a stream to nobody fails where it is used", async (t) => {
  const channel = await serveLocally(t, Streaming, {});
  const { send, responses } = grpcServiceClient(Streaming, channel).stream();
  await rejects(responses.next(), { code: Code.Unimplemented });
  await rejects(send({ typeUrl: "a" }), { code: Code.Unimplemented });
});
