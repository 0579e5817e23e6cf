import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { highestSupported, isAtLeast } from "./version.ts";

test("the highest version both sides know is chosen, whatever the order", () => {
  equal(highestSupported(["1.0.0", "0.3.1"], "testing"), "1.0.0");
  equal(highestSupported(["9.0.0", "0.3.1"], "testing"), "0.3.1");
  throws(() => highestSupported(["9.0.0"], "testing"), { code: Code.FailedPrecondition });
});

test("versions compare by age", () => {
  equal(isAtLeast("0.3.1", "0.3.1"), true);
  equal(isAtLeast("1.0.0", "0.4.0"), true);
  equal(isAtLeast("0.4.0", "1.0.0"), false);
});
