import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { MessageQueue } from "./message-queue.ts";

function recorded(limit = 2): { readonly queue: MessageQueue<string>; readonly events: string[] } {
  const events: string[] = [];
  const queue = new MessageQueue<string>({
    limit,
    limitBytes: 100,
    onFull: () => events.push("full"),
    onRoom: () => events.push("room"),
    onAbandon: () => events.push("abandon"),
  });
  return { queue, events };
}

test("messages come in order, before the end", async () => {
  const { queue, events } = recorded();
  queue.push("a", 1);
  queue.push("b", 1);
  queue.end();
  queue.push("late", 1);
  const got: string[] = [];
  for await (const message of queue) got.push(message);
  deepEqual(got, ["a", "b"]);
  deepEqual(events, ["full", "room"]);
});

test("waiting consumers are served first come, first served", async () => {
  const { queue, events } = recorded();
  const waiting = [queue.next(), queue.next(), queue.next()];
  queue.push("a", 1);
  queue.push("b", 1);
  queue.fail(new Error("lost"), { discard: false });
  equal((await waiting[0])?.value, "a");
  equal((await waiting[1])?.value, "b");
  await rejects(waiting[2] ?? Promise.resolve(), /lost/);
  deepEqual(events, []);
});

test("an error follows the waiting messages or replaces them, and is thrown once", async () => {
  const kept = recorded().queue;
  kept.push("a", 1);
  kept.fail(new Error("lost"), { discard: false });
  equal((await kept.next()).value, "a");
  await rejects(kept.next(), /lost/);
  equal((await kept.next()).done, true);

  const { queue, events } = recorded();
  queue.push("a", 1);
  queue.push("b", 1);
  queue.fail(new Error("canceled"), { discard: true });
  await rejects(queue.next(), /canceled/);
  deepEqual(events, ["full", "room"]);
});

test("bytes count as well as messages", async () => {
  const { queue, events } = recorded(10);
  queue.push("large", 100);
  deepEqual(events, ["full"]);
  await queue.next();
  deepEqual(events, ["full", "room"]);
});

test("a consumer that leaves makes room and is reported, once, and not after the end", async () => {
  const { queue, events } = recorded();
  queue.push("a", 1);
  queue.push("b", 1);
  await queue.return();
  await queue.return();
  deepEqual(events, ["full", "room", "abandon"]);
  equal((await queue.next()).done, true);
});
