import { join } from "node:path";

import { idOfName } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Network namespaces pinned as `crib-ID`, and files left of such a pin. */
export const netns: LeakCounter = {
  name: "netns",
  async find({ config, owns, unheld }): Promise<readonly Finding[]> {
    const entries = await listDir(config.netnsDir);
    return entries.flatMap(({ name }) => {
      const id = idOfName(name);
      if (id === undefined || !owns(id)) return [];
      const why = unheld(id, "network");
      if (why === undefined) return [];
      return [
        { counter: "netns", what: "pinned network namespace", path: join(config.netnsDir, name), why, rowId: id },
      ];
    });
  },
};
