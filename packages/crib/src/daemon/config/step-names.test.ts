import { deepEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { parseConfig } from "./load-config.ts";
import { refuseUnknownSteps, unknownSteps } from "./step-names.ts";
import type { DaemonConfig } from "./types.ts";

function configOf(text: string): DaemonConfig {
  const check = parseConfig(text);
  ok(check.kind === "valid");
  return check.config;
}

test("budgets of steps that exist are taken", () => {
  const config = configOf(
    '[flow]\nbudgets = { "network.attach" = "1s" }\nundo_budgets = { "namespaces.pin" = "1s", "layers.fetch" = "2s" }',
  );
  deepEqual(unknownSteps(config), []);
  refuseUnknownSteps(config);
});

test("a mistyped step is named with the one that was meant", () => {
  const config = configOf('[flow]\nbudgets = { "network.atach" = "1s" }\nundo_budgets = { "zzzzzzzzzzzz" = "1s" }');
  const [first, second] = unknownSteps(config);
  deepEqual(first, 'unknown step "network.atach" in [flow.budgets]; did you mean "network.attach"?');
  ok(second?.startsWith('unknown step "zzzzzzzzzzzz" in [flow.undo_budgets]; steps are files.write, '));
  throws(
    () => refuseUnknownSteps(config),
    (reason) => hasCode(reason, Code.InvalidArgument),
  );
});
