import { join } from "node:path";

import { idsIn } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Attachments that the CNI cache below the root directory remembers; all of them are this daemon's. */
export const cniCache: LeakCounter = {
  name: "cni-cache",
  async find({ config, unheld }): Promise<readonly Finding[]> {
    const dir = join(config.root, "cni", "results");
    const entries = await listDir(dir);
    return entries.flatMap(({ name }) => {
      const [id] = idsIn(name);
      // Drafts of files being written have no id; the cache itself removes those of a killed daemon.
      if (id === undefined) return [];
      const why = unheld(id, "network");
      if (why === undefined) return [];
      return [{ counter: "cni-cache", what: "cached CNI attachment", path: join(dir, name), why, rowId: id }];
    });
  },
};
