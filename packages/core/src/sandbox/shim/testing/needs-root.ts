import type { TestOptions } from "node:test";

/** Skips a test where sandboxes cannot be made, saying why, and ends one that hangs. */
export const needsRoot: TestOptions = {
  skip: process.getuid?.() === 0 ? false : "needs root",
  timeout: 120_000,
};
