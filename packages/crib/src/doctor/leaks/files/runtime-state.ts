import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** State directories of runc or crun, `ROOT/NAMESPACE/ID`. */
export const runtimeState: LeakCounter = {
  name: "runc-state",
  async find({ config, owns, unheld }): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    for (const root of config.runtimeRoots) {
      const dir = join(root, config.namespace);
      for (const { name } of await listDir(dir)) {
        const why = owns(name) ? unheld(name, "runtime") : undefined;
        if (why === undefined) continue;
        findings.push({ counter: "runc-state", what: "state of the runtime", path: join(dir, name), why, rowId: name });
      }
    }
    return findings;
  },
};
