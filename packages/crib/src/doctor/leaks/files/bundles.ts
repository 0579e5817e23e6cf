import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";

/** Bundles of shims and the volatile directories of pods, also those whose removal was cut short; all below our state directory. */
export const bundles: LeakCounter = {
  name: "bundles",
  async find(context): Promise<readonly Finding[]> {
    const { config, unheld } = context;
    const findings: Finding[] = [];
    for (const [folder, what] of [
      ["tasks", "bundle"],
      ["sandboxes", "volatile directory of a pod"],
    ] as const) {
      for (const { name } of await listDir(join(config.state, folder))) {
        const id = name.replace(/^\./, "");
        const why = unheld(id, "files");
        if (why !== undefined) {
          findings.push({ counter: "bundles", what, path: join(config.state, folder, name), why, rowId: id });
        }
      }
    }
    return [...findings, ...(await commandLineFiles(context))];
  },
};

/** Logs and volumes that the command line keeps for its pods; they go with `crib rm`, not with `crictl rmp`. */
async function commandLineFiles({ config, rows }: LeakContext): Promise<readonly Finding[]> {
  const uids = new Set(rows.map(({ name }) => name.split("_")[2]));
  const folder = join(config.root, "cli", "pods");
  return (await listDir(folder))
    .filter(({ name }) => !uids.has(name))
    .map(({ name }) => ({
      counter: "bundles",
      what: "logs and volumes of a pod of the command line",
      path: join(folder, name),
      why: `no pod with uid ${name}`,
    }));
}
