import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { type FlowRun, readTimings, type StepTiming } from "./timings.ts";
import { drawWaterfall, milliseconds } from "./waterfall.ts";

const plain = { width: 60, colour: false, unicode: false };

function step(name: string, startMs: number, endMs: number, change: Partial<StepTiming> = {}): StepTiming {
  return { step: name, direction: "do", startMs, endMs, outcome: "done", ...change };
}

function run(...steps: readonly StepTiming[]): FlowRun {
  return { flow: "RunPodSandbox", startedAt: "2026-11-21T01:02:03.000Z", durationMs: 100, outcome: "done", steps };
}

/** First and one past the last column of the bar in a line. */
function bar(line: string): readonly [number, number] {
  return [line.indexOf("#"), line.lastIndexOf("#") + 1];
}

test("steps stand in order of their start, each bar at its time", () => {
  const [, first = "", second = ""] = drawWaterfall(run(step("late", 50, 100), step("early", 0, 50)), plain);
  ok(first.includes("early") && second.includes("late"));
  equal(bar(first)[1], bar(second)[0]);
  ok(first.endsWith("50.0 ms"));
});

test("steps that ran at the same time stand below each other", () => {
  const [, a = "", b = ""] = drawWaterfall(run(step("one", 10, 90), step("two", 10, 90)), plain);
  deepEqual(bar(a), bar(b));
});

test("no line is wider than the terminal, and the shortest step has a cell", () => {
  for (const width of [60, 80, 160]) {
    const lines = drawWaterfall(run(step("network.attach", 0, 100), step("x", 99.99, 100)), { ...plain, width });
    for (const line of lines) ok(line.length <= width, `${line.length} > ${width}`);
    const [start, end] = bar(lines[2] ?? "");
    equal(end - start, 1);
  }
});

test("undo and failure are told, with the error below", () => {
  const lines = drawWaterfall(
    run(
      step("network.attach", 0, 10, { outcome: "failed", error: "no address left" }),
      step("netns.pin", 10, 11, { direction: "undo" }),
    ),
    plain,
  );
  ok(lines[1]?.includes("network.attach (failed)"));
  ok(lines[2]?.includes("undo netns.pin"));
  equal(lines[3], "  network.attach (failed): no address left");
});

test("colour is only where it is asked for", () => {
  ok(
    !drawWaterfall(run(step("a", 0, 1)), plain)
      .join("")
      .includes("\u001B"),
  );
  ok(
    drawWaterfall(run(step("a", 0, 1)), { ...plain, colour: true })
      .join("")
      .includes("\u001B[32m"),
  );
});

test("a run without steps and one that still runs can be drawn", () => {
  equal(drawWaterfall(run(), plain).length, 1);
  const { durationMs: _, outcome: __, ...running } = run(step("a", 0, 7));
  ok(drawWaterfall(running, plain)[0]?.includes("7.0 ms  running"));
});

test("long times are seconds", () => {
  equal(milliseconds(0.04), "0.0 ms");
  equal(milliseconds(1234.56), "1234.6 ms");
  equal(milliseconds(61_500), "61.50 s");
});

test("timings are read from the verbose status, and missing ones are told", () => {
  deepEqual(readTimings({ info: JSON.stringify({ timings: [run()] }) }, "web"), [run()]);
  throws(
    () => readTimings({ info: "{}" }, "web"),
    (reason) => hasCode(reason, Code.FailedPrecondition),
  );
});
