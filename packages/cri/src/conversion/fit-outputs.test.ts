import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { fitOutputs } from "./fit-outputs.ts";

test("outputs share a message, and one that is short leaves the rest to the other", () => {
  const sizes = (out: number, err: number): number[] => {
    const { stdout, stderr } = fitOutputs(new Uint8Array(out), new Uint8Array(err), 10);
    return [stdout.length, stderr.length];
  };
  deepEqual(sizes(3, 4), [3, 4]);
  deepEqual(sizes(100, 0), [10, 0]);
  deepEqual(sizes(0, 100), [0, 10]);
  deepEqual(sizes(100, 2), [8, 2]);
  deepEqual(sizes(2, 100), [2, 8]);
  deepEqual(sizes(100, 100), [5, 5]);
  deepEqual(sizes(6, 5), [5, 5]);
});
