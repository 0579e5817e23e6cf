import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { report } from "./report.ts";
import type { Result } from "./result.ts";

const passed: Result = { name: "works", origin: "a.test.ts", state: "passed" };
const failed: Result = { name: "fails", origin: "b.test.ts", state: "failed", reason: "1 !== 2\nat b.test.ts:3:1" };
const listed: Result = { name: "AppArmor one", origin: "c.test.ts", state: "skipped", reason: "no AppArmor" };
const unlisted: Result = { name: "forgotten", origin: "c.test.ts", state: "skipped", reason: "" };

const options = { mayBeSkipped: (name: string) => name.startsWith("AppArmor"), strict: true };

test("failures are told with their reasons, listed skips by their number", () => {
  deepEqual(report([passed, failed, listed, { ...listed, name: "AppArmor two" }], options), {
    lines: [
      "skipped as listed: 2 of c.test.ts: no AppArmor",
      "failed: b.test.ts: fails",
      "    1 !== 2",
      "    at b.test.ts:3:1",
      "1 passed, 1 failed, 2 skipped",
    ],
    passed: false,
  });
});

test("a skip that is not on the list is named, and fails a strict run only", () => {
  const { lines, passed: isGreen } = report([passed, unlisted], options);
  deepEqual(lines, [
    "skipped: c.test.ts: forgotten (no reason given)",
    "1 skipped tests are not in tests/allowed-skips.txt, which fails this run (CI=true)",
    "1 passed, 0 failed, 1 skipped",
  ]);
  equal(isGreen, false);
  equal(report([passed, unlisted], { ...options, strict: false }).passed, true);
});

test("a run in which nothing ran is none", () => {
  equal(report([listed], options).passed, false);
  equal(report([], options).passed, false);
  equal(report([passed, listed], options).passed, true);
});
