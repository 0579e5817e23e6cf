import { equal } from "node:assert/strict";
import { test } from "node:test";

import { failureLine } from "./failure-line.ts";

test("a failure is one line", () => {
  equal(failureLine(new Error("reading x: first\n  second")), "crib: reading x: first; second");
  equal(failureLine("text"), "crib: text");
});

test("what went wrong while clearing up follows the failure itself", () => {
  const reason = new SuppressedError(new Error("EBUSY"), new Error("no address"));
  equal(failureLine(reason), "crib: no address; and while clearing up: EBUSY");
});
