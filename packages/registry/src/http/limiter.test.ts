import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { Limiter } from "./limiter.ts";

const signal = new AbortController().signal;

test("slots are given in the order of asking, host by host", async () => {
  const limiter = new Limiter(1);
  const first = await limiter.acquire("a", signal);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (n) => {
    const slot = await limiter.acquire("a", signal);
    order.push(n);
    slot.release();
  });
  (await limiter.acquire("b", signal)).release();
  deepEqual(order, []);
  first.release();
  // Released twice is released once.
  first.release();
  await Promise.all(waiting);
  deepEqual(order, [1, 2, 3]);
});

test("who gives up waiting leaves the queue", async () => {
  const limiter = new Limiter(1);
  const first = await limiter.acquire("a", signal);
  const controller = new AbortController();
  const gone = limiter.acquire("a", controller.signal);
  const next = limiter.acquire("a", signal);
  controller.abort();
  await rejects(gone, { code: Code.Canceled });
  first.release();
  equal(typeof (await next).release, "function");
  await rejects(limiter.acquire("a", controller.signal), { code: Code.Canceled });
});
