import { accessSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestOptions } from "node:test";

import { pauseProgram } from "./podsandbox-fixture.ts";

const shimFile = "containerd-shim-runc-v2";

/** A shim to run tests with: the version it is filed under, or `host`, and its path, empty for the one of PATH. */
export interface TestShim {
  readonly label: string;
  readonly path: string;
}

/** The shim of this machine, and those that the repository's scripts have fetched to `.tools/shims/VERSION`. */
export function testShims(): readonly TestShim[] {
  const dir = join(import.meta.dirname, "../../../../../../.tools/shims");
  const fetched = namesIn(dir).map((version) => ({ label: version, path: join(dir, version, shimFile) }));
  return [{ label: "host", path: "" }, ...fetched.filter(({ path }) => has(path))];
}

/** Skips a test where pods cannot run, saying what is missing, and ends one that hangs. */
export const needsShim: TestOptions = { skip: whyNot() ?? false, timeout: 120_000 };

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  const dirs = (process.env["PATH"] ?? "").split(":");
  if (!dirs.some((dir) => has(join(dir, shimFile)))) return `needs ${shimFile}`;
  if (!dirs.some((dir) => has(join(dir, "runc")))) return "needs runc";
  return has(pauseProgram) ? undefined : `needs ${pauseProgram}`;
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return []; // nothing has been fetched
  }
}

function has(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
