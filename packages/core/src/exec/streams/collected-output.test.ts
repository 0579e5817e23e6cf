import { deepEqual, equal, ok } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { CollectedOutput, type OutputLimits } from "./collected-output.ts";
import { DropPace, OutputBudget } from "./output-budget.ts";

const KiB = 1024;

function limits(limitBytes: number, budgetBytes: number): OutputLimits {
  return { limitBytes, budget: new OutputBudget(budgetBytes), pace: new DropPace(1e12) };
}

async function collect(chunks: readonly Buffer[], bounds: OutputLimits): Promise<CollectedOutput> {
  const stream = new PassThrough();
  const output = new CollectedOutput(stream, bounds);
  for (const chunk of chunks) stream.write(Buffer.from(chunk)); // its own: it is freed when it was read
  stream.end();
  await output.ended;
  return output;
}

test("what is kept is the beginning, byte for byte, however it is cut", async () => {
  const all = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  const cuts = [1, 3, 4_000, 4_096, 10_000, 70_000, 200_000, 299_999, 300_000];
  const chunks = cuts.map((end, index) => all.subarray(cuts[index - 1] ?? 0, end));
  for (const limitBytes of [0, 1, 4_096, 4_097, 65_536, 250_000, 300_000, 1_000_000]) {
    const output = await collect(chunks, limits(limitBytes, 10_000_000));
    equal(output.dropped, Math.max(0, all.length - limitBytes));
    equal(Buffer.compare(output.take(), all.subarray(0, limitBytes)), 0);
  }
});

test("single bytes do not cost more than their number", async () => {
  const output = await collect(
    Array.from({ length: 20_000 }, () => Buffer.from("x")),
    limits(1e6, 1e6),
  );
  deepEqual([output.take().length, output.dropped], [20_000, 0]);
});

test("beyond the budget each keeps its first 64 KiB, and a budget given back is used again", async () => {
  const bounds = limits(1024 * KiB, 256 * KiB);
  const flood = Buffer.alloc(900 * KiB);
  const first = await collect([flood], bounds);
  const second = await collect([flood], bounds);
  const [kept, rest] = [first.take().length, second.take().length];
  ok(kept > 128 * KiB && kept <= 320 * KiB, String(kept));
  ok(rest >= 32 * KiB && rest <= 128 * KiB, String(rest));
  first.release();
  second.release();
  first.release(); // not twice
  const third = await collect([flood], bounds);
  equal(third.take().length, kept);
  equal(new OutputBudget(10).take(11), false);
});

test("what is thrown away does not take all of the thread", async () => {
  const pace = new DropPace(1_000_000);
  equal(pace.after(1_000), 0);
  const pauseMs = pace.after(100_000);
  ok(pauseMs > 0 && pauseMs <= 10);
});
