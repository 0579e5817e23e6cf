import { existsSync } from "node:fs";
import type { TestOptions } from "node:test";

import { needsRoot } from "../needs-root.ts";

/** Options of a test that makes disks: skipped, with the reason, without root or loop devices; in CI such a skip would hide a failure. */
export const needsDisks: TestOptions =
  existsSync("/dev/loop-control") || process.env["CI"] === "true" ? needsRoot : { skip: "needs loop devices" };
