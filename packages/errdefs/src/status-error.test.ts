import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { Code, codeName, hasCode, StatusError, toCode } from "./index.ts";

test("an errno becomes its code and stays as the cause", () => {
  const errno = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
  const error = StatusError.from(errno, 'reading "/x"');
  equal(error.code, Code.NotFound);
  equal(error.message, 'reading "/x": ENOENT: no such file');
  equal(error.cause, errno);
});

test("a StatusError keeps its code through a second boundary", () => {
  const inner = new StatusError(Code.FailedPrecondition, "sandbox is not ready");
  equal(StatusError.from(inner, "creating container").code, Code.FailedPrecondition);
  equal(StatusError.from(inner), inner);
});

test("a timeout is DeadlineExceeded, an abort Canceled, anything else Unknown", () => {
  equal(StatusError.from(new DOMException("late", "TimeoutError")).code, Code.DeadlineExceeded);
  equal(StatusError.from(new DOMException("gone", "AbortError")).code, Code.Canceled);
  equal(StatusError.from("text").code, Code.Unknown);
});

test("codes have names, and numbers that are no code are Unknown", () => {
  equal(codeName(Code.AlreadyExists), "AlreadyExists");
  equal(toCode(99), Code.Unknown);
  ok(hasCode(new StatusError(Code.NotFound, "x"), Code.NotFound));
  ok(!hasCode(new Error("x"), Code.NotFound));
});
