import { accessSync } from "node:fs";
import type { TestOptions } from "node:test";

import { pauseProgram } from "./podsandbox-fixture.ts";

/** Skips a test where pods cannot run, saying what is missing. */
export const needsShim: TestOptions = { skip: whyNot() ?? false };

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  const shim = (process.env["PATH"] ?? "").split(":").some((dir) => has(`${dir}/containerd-shim-runc-v2`));
  if (!shim) return "needs containerd-shim-runc-v2";
  return has(pauseProgram) ? undefined : `needs ${pauseProgram}`;
}

function has(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
