import { equal } from "node:assert/strict";
import { test } from "node:test";

import { expandVariables } from "./expand-variables.ts";

test("variables are replaced as Kubernetes does", () => {
  const values = new Map([
    ["A", "1"],
    ["B", "$(A)"],
  ]);
  for (const [text, expected] of [
    ["$(A)-$(B)", "1-$(A)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$(C) $A ${A} $", "$(C) $A ${A} $"],
    ["$(A", "$(A"],
  ] as const) {
    equal(expandVariables(text, values), expected, text);
  }
});
