import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { isQuantity, thousandths, wholeUnits } from "./quantity.ts";

test("quantities are read as Kubernetes does, rounded up", () => {
  for (const [text, milli, whole] of [
    ["0", 0n, 0n],
    ["1", 1000n, 1n],
    ["100m", 100n, 1n],
    ["0.5", 500n, 1n],
    [".5", 500n, 1n],
    ["1.0001", 1001n, 2n],
    ["64Mi", 67_108_864_000n, 67_108_864n],
    ["1.5Gi", 1_610_612_736_000n, 1_610_612_736n],
    ["2k", 2_000_000n, 2000n],
    ["2e3", 2_000_000n, 2000n],
    ["15E-1", 1500n, 2n],
    ["1n", 1n, 1n],
    ["1E", 10n ** 21n, 10n ** 18n],
  ] as const) {
    equal(thousandths(text), milli, text);
    equal(wholeUnits(text), whole, text);
  }
});

test("anything else is no quantity", () => {
  for (const text of ["", "-1", "1K", "1 Mi", "Mi", ".", "1e", "1e300", "0x10", "1MiB", "1,5", "NaN"]) {
    equal(isQuantity(text), false, text);
    throws(() => wholeUnits(text), { message: /expected one such as/ });
  }
});
