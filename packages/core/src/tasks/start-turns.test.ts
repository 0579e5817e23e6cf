import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { StartTurns } from "./start-turns.ts";
import type { TaskService } from "./types.ts";

const service = (version: number): TaskService => ({ endpoint: { version } }) as TaskService;

test("old shims start two at a time, in order; others and failures do not hold them up", async () => {
  const turns = new StartTurns();
  const old = service(2);
  const begun: number[] = [];
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const starts = ends.map(({ promise }, index) =>
    turns.take(old, async () => {
      begun.push(index);
      return await promise;
    }),
  );
  equal(await turns.take(service(2), async () => 9), 9);
  deepEqual(begun, [0, 1]);
  ends[1]?.reject(new Error("no"));
  await rejects(starts[1] ?? Promise.resolve(), /no/);
  deepEqual(begun, [0, 1, 2]);
  for (const { resolve } of ends) resolve(1);
  deepEqual(await Promise.all(starts.filter((_, index) => index !== 1)), [1, 1, 1]);
  equal(await turns.take(old, async () => 5), 5);
});
