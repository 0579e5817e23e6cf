import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import type { MarkedProcess } from "./marked-processes.ts";

/** Shims that serve, by the marker in their environment: those of no row, and a second one of a bundle. */
export const shims: LeakCounter = {
  name: "shims",
  async find(context): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    for (const shim of await context.marked()) {
      if (!shim.isShim) continue;
      const why = context.unheld(shim.row, "files") ?? (await supersededBy(context, shim));
      if (why === undefined) continue;
      findings.push({ counter: "shims", what: shim.cmdline.join(" "), pid: shim.pid, why, rowId: shim.row });
    }
    return findings;
  },
};

/** Why a shim is not the one its bundle knows; undefined when it is, or when that is not decided yet. */
async function supersededBy({ config, row }: LeakContext, shim: MarkedProcess): Promise<string | undefined> {
  if (row(shim.row)?.state === "creating") return undefined;
  const id = shim.cmdline[shim.cmdline.indexOf("-id") + 1] ?? "";
  try {
    const text = await readFile(join(config.state, "tasks", id, "shim.json"), "utf8");
    const { process } = JSON.parse(text) as { readonly process?: { readonly pid?: number } };
    if (process?.pid === undefined || process.pid === shim.pid) return undefined;
    return `the shim of this bundle is process ${process.pid}`;
  } catch {
    return undefined; // no bundle says otherwise
  }
}
