import { accessSync } from "node:fs";
import type { TestOptions } from "node:test";

import { findBinary } from "../runtime/find-binary.ts";

/** The only program of a test's root file system. */
export const busybox = "/bin/busybox";

/** Skips a test where containers cannot run, saying what is missing, and ends one that hangs. */
export const needsRunc: TestOptions = { skip: whyNot() ?? false, timeout: 120_000 };

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  try {
    findBinary("runc");
  } catch {
    return "needs runc";
  }
  try {
    accessSync(busybox);
    return undefined;
  } catch {
    return `needs ${busybox}`;
  }
}
