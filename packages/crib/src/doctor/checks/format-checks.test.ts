import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { parseConfig } from "../../daemon/config/load-config.ts";
import { formatChecks } from "./format-checks.ts";
import { runChecks } from "./run-checks.ts";

test("a result is a line, with what to do below it", () => {
  const text = formatChecks(
    [
      { check: "node", level: "ok", what: "Node 24" },
      { check: "cni", level: "fail", what: "nothing", advice: "install it" },
    ],
    false,
  );
  deepEqual(text.split("\n"), [
    "ok    node  Node 24",
    "FAIL  cni   nothing",
    "            -> install it",
    "",
    "1 ok, 0 warnings, 1 failures",
    "",
  ]);
});

test("the checks run on this machine, and everything but ok says what to do", async () => {
  const check = parseConfig('state = "/nonexistent/crib"\n[cni]\nconf_dir = "/nonexistent/net.d"');
  ok(check.kind === "valid");
  const results = await runChecks(check.config);
  for (const { level, advice, what } of results) equal(level === "ok", advice === undefined, what);
  const cni = results.find((result) => result.check === "cni");
  equal(cni?.level, "fail");
  ok(cni?.what.includes("/nonexistent/net.d"));
  const daemon = results.find((result) => result.check === "daemon");
  equal(daemon?.level, "warn");
});
