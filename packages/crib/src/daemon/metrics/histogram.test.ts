import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";

import { Histogram } from "./histogram.ts";

test("buckets are cumulative, and what is above all of them is in +Inf only", () => {
  const histogram = new Histogram();
  for (const seconds of [0.0005, 0.02, 0.02, 1_000]) histogram.observe('flow="a"', seconds);
  const lines = histogram.lines("x");
  ok(lines.includes('x_bucket{flow="a",le="0.001"} 1'), lines.join("\n"));
  ok(lines.includes('x_bucket{flow="a",le="0.025"} 3'));
  ok(lines.includes('x_bucket{flow="a",le="240"} 3'));
  ok(lines.includes('x_bucket{flow="a",le="+Inf"} 4'));
  ok(lines.includes('x_count{flow="a"} 4'));
});

test("series do not mix", () => {
  const histogram = new Histogram();
  histogram.observe('flow="a"', 1);
  histogram.observe('flow="b"', 2);
  deepEqual(
    histogram.lines("x").filter((line) => line.startsWith("x_sum")),
    ['x_sum{flow="a"} 1', 'x_sum{flow="b"} 2'],
  );
});
