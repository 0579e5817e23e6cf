import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { parsePressure } from "./cgroup-pressure.ts";

test("both lines of a pressure file are read", () => {
  const text =
    "some avg10=1.50 avg60=0.25 avg300=0.00 total=123456789\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
  deepEqual(parsePressure(text), {
    some: { avg10: 1.5, avg60: 0.25, avg300: 0, totalMicros: 123_456_789n },
    full: { avg10: 0, avg60: 0, avg300: 0, totalMicros: 7n },
  });
});

test("the CPU of old kernels has no full line", () => {
  equal(parsePressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")?.full, undefined);
});

test("what is no pressure file gives nothing", () => {
  equal(parsePressure(""), undefined);
  equal(parsePressure("some total=x"), undefined);
});
