import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";

import { LogClock } from "./log-clock.ts";

/** A clock whose sources the test sets, in milliseconds. */
function setUp(startMs: number): {
  readonly set: (wallMs: number, steadyMs: number) => string;
  readonly clock: LogClock;
} {
  let wallMs = startMs;
  let steadyMs = 0;
  const clock = new LogClock(30, { wall: () => wallMs, steady: () => steadyMs });
  const set = (wall: number, steady: number): string => {
    [wallMs, steadyMs] = [startMs + wall, steady];
    clock.stamp();
    return clock.header.toString("latin1");
  };
  return { set, clock };
}

const start = Date.parse("2026-11-21T07:23:59.000Z");

test("a time has nine digits of nanoseconds", () => {
  const { set, clock } = setUp(start);
  equal(set(0, 0), "2026-11-21T07:23:59.000000000Z");
  match(set(1, 1.25), /^2026-11-21T07:23:59\.00125\d{4}Z$/);
  match(set(1_001, 1_001), /^2026-11-21T07:24:00\.00(1|09)\d+Z$/);
  clock.advance();
  equal(clock.header.length, 30);
});

test("each time is later than the one before, whatever the clock does in a second", () => {
  const { set, clock } = setUp(start);
  const times: string[] = [];
  for (const [wall, steady] of [
    [999, 999],
    [999, 999],
    [500, 1_000],
    [-200, 1_001],
    [1_000, 1_002],
  ] as const) {
    times.push(set(wall, steady));
    clock.advance();
    times.push(clock.header.toString("latin1"));
  }
  deepEqual(times, times.toSorted());
  equal(new Set(times).size, times.length);
});

test("a second is carried over", () => {
  const { set, clock } = setUp(start);
  ok(set(999, 999.999).startsWith("2026-11-21T07:23:59.99999"));
  for (let count = 0; count < 2_000; count += 1) clock.advance();
  match(clock.header.toString("latin1"), /^2026-11-21T07:24:00\.00000\d{4}Z$/);
});

test("a clock that is set back is followed", () => {
  const { set } = setUp(start);
  set(0, 0);
  ok(set(-86_400_000, 5).startsWith("2026-11-20T07:23:59"));
  ok(set(86_400_000, 10).startsWith("2026-11-22T07:23:59"));
});
