import { join } from "node:path";

import { idsIn } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Snapshots named by an id below the root directory. */
export const snapshots: LeakCounter = {
  name: "snapshots",
  async find({ config, unheld }): Promise<readonly Finding[]> {
    const dir = join(config.root, "snapshots");
    return (await listDir(dir)).flatMap(({ name }) => {
      const [id] = idsIn(name);
      const why = id === undefined ? undefined : unheld(id, "files");
      if (id === undefined || why === undefined) return [];
      return [{ counter: "snapshots", what: "snapshot", path: join(dir, name), why, rowId: id }];
    });
  },
};
