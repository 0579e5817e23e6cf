import { equal } from "node:assert/strict";
import { test } from "node:test";

import { failureLine } from "./failure-line.ts";

test("a failure is one line", () => {
  equal(failureLine(new Error("reading x: first\n  second")), "crib: reading x: first; second");
  equal(failureLine("text"), "crib: text");
});
