import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { createBacklog } from "./backlog.ts";

/** The next `count` items, after which the reader leaves. */
async function take<T>(items: AsyncGenerator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
}

test("what nobody read is kept for the first reader, in order, and given to no other", async (t) => {
  const backlog = createBacklog<number>();
  backlog.push(1);
  backlog.push(2);
  const first = take(backlog.read(t.signal), 3);
  const second = take(backlog.read(t.signal), 1);
  await Promise.resolve();
  equal(backlog.readers, 2);
  backlog.push(3);
  deepEqual(await first, [1, 2, 3]);
  deepEqual(await second, [3]);
  equal(backlog.readers, 0);
  backlog.push(4);
  deepEqual(await take(backlog.read(t.signal), 1), [4]);
});

test("what is kept is kept for a time and up to a number", async (t) => {
  let now = 0;
  const backlog = createBacklog<number>({ maxItems: 3, maxAgeMs: 100, now: () => now });
  backlog.push(1);
  now = 101;
  for (let item = 2; item < 20; item++) backlog.push(item);
  deepEqual(await take(backlog.read(t.signal), 3), [17, 18, 19]);
  backlog.push(20);
  now = 202;
  backlog.push(21);
  deepEqual(await take(backlog.read(t.signal), 1), [21]);
});

test("a reader that is too far behind is told so, the others are not", async (t) => {
  const backlog = createBacklog<number>({ maxItems: 3 });
  const slow = backlog.read(t.signal);
  const quick = backlog.read(t.signal);
  const first = Promise.all([slow.next(), quick.next()]);
  backlog.push(0);
  await first;
  for (let item = 1; item < 6; item++) {
    const next = quick.next();
    backlog.push(item);
    equal((await next).value, item);
  }
  await rejects(slow.next(), { code: Code.ResourceExhausted, message: "the client is more than 3 messages behind" });
  equal(backlog.readers, 1);
  await quick.return(undefined);
});

test("reading ends with the signal, and with a failure for all", async () => {
  const backlog = createBacklog<number>();
  const controller = new AbortController();
  const ended = backlog.read(controller.signal).next();
  controller.abort();
  equal((await ended).done, true);
  const failed = backlog.read(new AbortController().signal).next();
  backlog.fail(new StatusError(Code.Internal, "broken"));
  await rejects(failed, { message: "broken" });
  await rejects(backlog.read(new AbortController().signal).next(), { message: "broken" });
  equal(backlog.readers, 0);
});
