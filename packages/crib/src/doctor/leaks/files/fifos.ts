import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { idsIn } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";

/** FIFOs below the state directory that are no pod's. Those inside a leaked bundle go with it and are not counted again. */
export const fifos: LeakCounter = {
  name: "fifos",
  async find(context): Promise<readonly Finding[]> {
    const { state } = context.config;
    const device = await deviceOf(state);
    return device === undefined ? [] : await findBelow(context, state, device);
  },
};

async function findBelow(context: LeakContext, dir: string, device: number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const entry of await listDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isFIFO()) findings.push(...judge(context, path));
    // Another file system is the content of a pod, not our bookkeeping.
    else if (entry.isDirectory() && (await deviceOf(path)) === device && !isCountedWhole(context, path)) {
      findings.push(...(await findBelow(context, path, device)));
    }
  }
  return findings;
}

/** Directories that the counter `bundles` reports as a whole. */
function isCountedWhole({ config, unheld }: LeakContext, path: string): boolean {
  const [folder, name, ...deeper] = path.slice(config.state.length + 1).split("/");
  if (name === undefined || deeper.length > 0 || (folder !== "tasks" && folder !== "sandboxes")) return false;
  return unheld(name.replace(/^\./, ""), "files") !== undefined;
}

function judge({ config, unheld }: LeakContext, path: string): readonly Finding[] {
  const [id] = idsIn(path.slice(config.state.length));
  const why = id === undefined ? "it is in our state directory and no pod's" : unheld(id, "runtime");
  if (why === undefined) return [];
  return [{ counter: "fifos", what: "FIFO", path, why, ...(id !== undefined && { rowId: id }) }];
}

async function deviceOf(path: string): Promise<number | undefined> {
  return await lstat(path).then(
    ({ dev }) => dev,
    () => undefined,
  );
}
