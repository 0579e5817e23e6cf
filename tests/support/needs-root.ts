import type { TestOptions } from "node:test";

/** Options of a test that makes pods: skipped, with the reason, without root; in CI such a skip would hide a failure. */
export const needsRoot: TestOptions =
  process.getuid?.() === 0 || process.env["CI"] === "true" ? {} : { skip: "needs root to make namespaces" };
