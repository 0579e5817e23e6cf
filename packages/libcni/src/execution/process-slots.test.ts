import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { ProcessSlots } from "./process-slots.ts";

const { signal } = new AbortController();

test("no more than the limit run at once, in order of arrival, also after failures", async () => {
  const slots = new ProcessSlots(2);
  const order: number[] = [];
  let atOnce = 0;
  let most = 0;
  const work = async (index: number): Promise<void> => {
    order.push(index);
    most = Math.max(most, ++atOnce);
    await new Promise(setImmediate);
    atOnce--;
    if (index % 2 === 0) throw new Error("even");
  };
  await Promise.allSettled(Array.from({ length: 8 }, (_, index) => slots.run(signal, () => work(index))));
  equal(most, 2);
  deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("an aborted wait leaves the line and takes no slot", async () => {
  const slots = new ProcessSlots(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const controller = new AbortController();
  const holding = slots.run(signal, () => promise);
  const waiting = slots.run(controller.signal, async () => "never");
  controller.abort(new DOMException("late", "TimeoutError"));
  await rejects(waiting, { code: Code.DeadlineExceeded, message: /waiting for one of 1 plugin processes/ });
  resolve();
  await holding;
  equal(await slots.run(signal, async () => "next"), "next");
});

test("a limit that is no positive whole number is refused", () => {
  for (const limit of [0, -1, 1.5, Number.NaN]) throws(() => new ProcessSlots(limit), { code: Code.InvalidArgument });
});
