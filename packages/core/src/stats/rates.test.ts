import { equal } from "node:assert/strict";
import { test } from "node:test";

import { CpuRates } from "./rates.ts";

const second = 1_000_000_000n;

test("the first reading has no rate, the second has", () => {
  const rates = new CpuRates();
  equal(rates.add("a", 0n, 0n), undefined);
  equal(rates.add("a", second, 2n * second), second / 2n);
});

test("readings right after each other give the rate over the time before them", () => {
  const rates = new CpuRates();
  rates.add("a", 0n, 0n);
  equal(rates.add("a", 100n, 1_000n), undefined);
  equal(rates.add("a", 10n * second, 10n * second), second);
  equal(rates.add("a", 10n * second, 10n * second + 1_000n), (10n * second * second) / (10n * second + 1_000n));
});

test("a counter that went back is that of another container", () => {
  const rates = new CpuRates();
  rates.add("a", 5n * second, 0n);
  equal(rates.add("a", second, 10n * second), undefined);
});

test("keys do not share readings", () => {
  const rates = new CpuRates();
  rates.add("a", 0n, 0n);
  equal(rates.add("b", second, 2n * second), undefined);
});
