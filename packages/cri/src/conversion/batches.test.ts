import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { batches } from "./batches.ts";

test("a piece ends at the number of items or at their weight, whichever comes first", () => {
  const limits = { maxItems: 3, maxWeight: 10 };
  const split = (weights: number[]): number[][] => [...batches(weights, (weight) => weight, limits)];
  deepEqual(split([]), []);
  deepEqual(split([1, 1, 1, 1]), [[1, 1, 1], [1]]);
  deepEqual(split([6, 6, 4, 1]), [[6], [6, 4], [1]]);
  deepEqual(split([99, 1]), [[99], [1]]);
});
