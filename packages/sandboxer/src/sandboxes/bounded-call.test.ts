import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { boundedCall } from "./bounded-call.ts";

const bounds = { doing: "working", timeoutMs: 30, settleMs: 20 };

test("a call gives what it gives, and fails with its own code", async () => {
  equal(await boundedCall(bounds, () => Promise.resolve(5)), 5);
  const failing = boundedCall(bounds, () => Promise.reject(new StatusError(Code.NotFound, "no")));
  await rejects(failing, { code: Code.NotFound, message: "no" });
});

test("a call that does not end, whatever it does with its signal, is DeadlineExceeded", async () => {
  const late = { code: Code.DeadlineExceeded, message: "working: not done after 30 ms" };
  await rejects(
    boundedCall(bounds, () => new Promise(() => undefined)),
    late,
  );
  const obedient = boundedCall(bounds, async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Error("of no interest");
  });
  await rejects(obedient, late);
});

test("a caller that leaves aborts the call, which gets a moment to settle", async () => {
  const caller = new AbortController();
  let settled = false;
  const call = boundedCall({ ...bounds, timeoutMs: 60_000, signal: caller.signal }, async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
    settled = true;
    throw new Error("of no interest");
  });
  caller.abort(new StatusError(Code.Canceled, "gone"));
  await rejects(call, { code: Code.Canceled });
  equal(settled, true);
  await rejects(
    boundedCall({ ...bounds, signal: caller.signal }, () => Promise.resolve()),
    { code: Code.Canceled },
  );
});

test("what succeeds although nobody wants it any more has succeeded", async () => {
  const late = boundedCall(bounds, async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return "done";
  });
  equal(await late, "done");
});
