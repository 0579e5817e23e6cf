import { equal } from "node:assert/strict";
import { test } from "node:test";

import { formatDuration, parseDuration } from "./duration.ts";

test("a duration is a whole number and a unit", () => {
  equal(parseDuration("500ms"), 500);
  equal(parseDuration("30s"), 30_000);
  equal(parseDuration("4m"), 240_000);
  equal(parseDuration("1h"), 3_600_000);
});

test("anything else is no duration", () => {
  for (const text of ["", "30", "s", "1.5s", "-1s", "1 s", "01s", "1S", "1e3ms", "0x10s", "9999999999s"]) {
    equal(parseDuration(text), undefined, text);
  }
});

test("a duration is written in its largest whole unit", () => {
  for (const text of ["500ms", "30s", "4m", "1h", "90s", "0ms"]) equal(formatDuration(parseDuration(text) ?? -1), text);
});
