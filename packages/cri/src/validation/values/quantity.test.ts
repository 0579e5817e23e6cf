import { equal } from "node:assert/strict";
import { test } from "node:test";

import { parseQuantity } from "./quantity.ts";

test("quantities have their suffixes, exponents and fractions", () => {
  const cases: [string, bigint | undefined][] = [
    ["0", 0n],
    ["10M", 10_000_000n],
    ["1.5Gi", 1_610_612_736n],
    ["2e3", 2_000n],
    ["2E3", 2_000n],
    ["2E", 2_000_000_000_000_000_000n],
    ["1Ei", 1_152_921_504_606_846_976n],
    ["100m", 1n],
    ["1001m", 2n],
    ["-1001m", -1n],
    [".5k", 500n],
    ["5.", 5n],
    ["+5", 5n],
    ["1e-3", 1n],
    ["999999999999999999999", undefined],
  ];
  for (const [text, value] of cases) equal(parseQuantity(text), value, text);
});

test("anything else is none", () => {
  for (const text of [
    "",
    " 1",
    "1 ",
    "1K",
    "1mi",
    "e3",
    ".",
    "-",
    "1e",
    "1e1000",
    "1_000",
    "0x10",
    "NaN",
    "Infinity",
    "1M1",
    "１",
  ]) {
    equal(parseQuantity(text), undefined, text);
  }
});
