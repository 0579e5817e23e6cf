import { readFileSync } from "node:fs";

import type { ServerProcess } from "./server-process.ts";

/** Says so when a server runs from its sources: the bundle of scripts/setup is quicker and takes less memory, and is what users have. */
export function sayIfFromSources({ name, pid }: ServerProcess): void {
  if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/src/main.ts")) return;
  console.log(`${name} runs from its sources: they are newer than the bundle that scripts/setup makes\n`);
}
