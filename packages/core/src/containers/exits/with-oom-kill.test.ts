import { equal } from "node:assert/strict";
import { test } from "node:test";

import type { ContainerExit } from "../types.ts";
import { withOomKill } from "./with-oom-kill.ts";

const reasonOf = (reason: ContainerExit["reason"], message = ""): string | undefined =>
  withOomKill({ exit: { exitCode: 137, exitedAt: "2026-11-21T09:06:20Z", reason, message } }).exit?.reason;

test("a process killed for memory explains an end that is on record already", () => {
  equal(reasonOf("Error"), "OOMKilled");
  equal(withOomKill({}).oomKilled, true);
  equal(withOomKill({}).exit, undefined);
});

test("it explains no end that has another reason", () => {
  equal(reasonOf("Completed"), "Completed");
  equal(reasonOf("StartError"), "StartError");
  equal(reasonOf("Error", "killed: the shim is gone"), "Error");
});
