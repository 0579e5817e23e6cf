import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { clientAndServer, turn } from "./testing/socket-pair.ts";
import { testService } from "./testing/test-service.ts";

const { say, chat, count } = testService.method;

test("a call without an answer in time is DeadlineExceeded, its handler is told, a late answer is dropped", async (t) => {
  const told = Promise.withResolvers<unknown>();
  const late = Promise.withResolvers<{ value: string }>();
  const { client } = await clientAndServer(t, {
    say: ({ value }, { signal }) => {
      if (value !== "slow") return { value };
      signal.addEventListener("abort", () => told.resolve(signal.reason));
      return late.promise;
    },
  });
  await rejects(client.unary(say, { value: "slow" }, { timeoutMs: 20 }), {
    code: Code.DeadlineExceeded,
    message: /"crib.test.Test\/Say": no answer within 20 ms/,
  });
  equal(((await told.promise) as StatusError).code, Code.DeadlineExceeded);
  late.resolve({ value: "late" });
  equal((await client.unary(say, { value: "next" })).value, "next");
});

test("an aborted call is Canceled, with the reason as its cause; the server is not told", async (t) => {
  const running = Promise.withResolvers<AbortSignal>();
  const { client } = await clientAndServer(t, {
    say: (_, { signal }) => {
      running.resolve(signal);
      return new Promise(() => {});
    },
  });
  const abort = new AbortController();
  const call = client.unary(say, {}, { signal: abort.signal });
  const handlerSignal = await running.promise;
  abort.abort(new Error("pod removed"));
  await rejects(call, { code: Code.Canceled, message: /pod removed/ });
  await turn(5);
  equal(handlerSignal.aborted, false);
});

test("a signal that is aborted already sends nothing, and a timeout as its reason is DeadlineExceeded", async (t) => {
  let calls = 0;
  const { client } = await clientAndServer(t, {
    say: ({ value }) => {
      calls++;
      return { value };
    },
  });
  await rejects(client.unary(say, {}, { signal: AbortSignal.abort() }), { code: Code.Canceled });
  await rejects(client.unary(say, {}, { timeoutMs: 0 }), { code: Code.DeadlineExceeded });
  const timeout = AbortSignal.abort(new DOMException("late", "TimeoutError"));
  await rejects(client.unary(say, {}, { signal: timeout }), { code: Code.DeadlineExceeded });
  const reason = new StatusError(Code.Aborted, "flow undone");
  await rejects(client.unary(say, {}, { signal: AbortSignal.abort(reason) }), { code: Code.Aborted });
  equal(calls, 0);
  await client.unary(say, {}, { timeoutMs: 2 ** 40 });
  equal(calls, 1);
});

/** False for a call whose time was over; any other failure is one. */
function isLate(error: StatusError): false {
  equal(error.code, Code.DeadlineExceeded);
  return false;
}

test("a stream's deadline ends both sides", async (t) => {
  const handled = Promise.withResolvers<unknown>();
  const { client } = await clientAndServer(t, {
    chat: async function* (requests) {
      try {
        for await (const { value } of requests) yield { value };
      } catch (error) {
        handled.resolve(error);
        throw error;
      }
    },
  });
  let stream = client.stream(chat, { timeoutMs: 30 });
  const isAnswered = async (): Promise<boolean> => {
    await stream.send({ value: "a" });
    return (await stream.responses.next()).value?.value === "a";
  };
  // Where the machine stalls for all of that time, another has more of it.
  for (let timeoutMs = 120; !(await isAnswered().catch(isLate)); timeoutMs *= 4) {
    stream = client.stream(chat, { timeoutMs });
  }
  await rejects(stream.responses.next(), { code: Code.DeadlineExceeded });
  await rejects(stream.send({ value: "b" }), { code: Code.DeadlineExceeded });
  equal(((await handled.promise) as StatusError).code, Code.DeadlineExceeded);
});

test("a generator that never looks at its signal is stopped by the deadline", async (t) => {
  const left = Promise.withResolvers<void>();
  const { client } = await clientAndServer(t, {
    count: async function* () {
      try {
        for (;;) {
          await turn(1);
          yield { value: 1 };
        }
      } finally {
        left.resolve();
      }
    },
  });
  const isServed = async (timeoutMs: number): Promise<boolean> => {
    let messages = 0;
    const serve = async (): Promise<void> => {
      for await (const _ of client.serverStream(count, {}, { timeoutMs })) messages++;
    };
    await rejects(serve(), { code: Code.DeadlineExceeded });
    return messages > 0;
  };
  // Longer where the machine stalls for all of that time.
  let timeoutMs = 30;
  while (!(await isServed(timeoutMs))) timeoutMs *= 4;
  await left.promise;
});

test("a call that has ended leaves no listener on the caller's signal", async (t) => {
  const { client } = await clientAndServer(t, { say: ({ value }) => ({ value }) });
  const abort = new AbortController();
  let listeners = 0;
  const { signal } = abort;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof add>) => (listeners++, add(...args)),
    removeEventListener: (...args: Parameters<typeof remove>) => (listeners--, remove(...args)),
  });
  for (let i = 0; i < 10; i++) await client.unary(say, {}, { signal });
  equal(listeners, 0);
});
