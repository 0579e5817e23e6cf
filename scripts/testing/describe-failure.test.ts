import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";

import { describeFailure } from "./describe-failure.ts";

function asOfRunner(cause: unknown): Error {
  return Object.assign(new Error("as the runner says", { cause }), { failureType: "testCodeFailure" });
}

test("what was thrown is told with its causes and its place", () => {
  const cause = new Error("no room");
  const lines = describeFailure(asOfRunner(new Error("writing the log", { cause }))).split("\n");
  deepEqual(lines.slice(0, 2), ["writing the log", "no room"]);
  match(lines[2] ?? "", /^at .*describe-failure\.test\.ts:\d+:\d+/);
});

test("all problems of one failure are told", () => {
  const failure = describeFailure(new AggregateError([new Error("one"), "two"], "the node did not end"));
  deepEqual(failure.split("\n").slice(0, 3), ["the node did not end", "one", "two"]);
});

test("what is no error is told as it is, and a long message is cut", () => {
  equal(describeFailure(asOfRunner("1 subtest failed")), "1 subtest failed");
  const long = describeFailure(new Error(Array.from({ length: 100 }, (_, line) => `line ${line}`).join("\n")));
  match(long, /line 19\n\(80 more lines\)\nat /);
});
