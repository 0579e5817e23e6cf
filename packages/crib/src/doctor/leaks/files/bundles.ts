import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Bundles of shims and the volatile directories of pods, also those whose removal was cut short; all below our state directory. */
export const bundles: LeakCounter = {
  name: "bundles",
  async find({ config, unheld }): Promise<readonly Finding[]> {
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
    return findings;
  },
};
