import { join } from "node:path";

import { digestHex } from "@crib/oci-spec";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakCounter } from "../types.ts";

/** Images whose removal a dead daemon left half-way, and record directories of images without a row. */
export const images: LeakCounter = {
  name: "images",
  async find(context): Promise<readonly Finding[]> {
    const dir = join(context.config.root, "images");
    const names = (await listDir(dir)).map(({ name }) => name);
    if (names.length === 0 && !context.hasDatabase) return [];
    const rows = (await context.images()).images;
    const known = new Set(rows.map(({ id }) => digestHex(id)));
    const orphans = names
      .filter((name) => !known.has(name))
      .map((name) => ({
        counter: "images",
        what: "record directory",
        path: join(dir, name),
        why: "no image has this id",
      }));
    if ((await context.daemon()) !== undefined) return orphans;
    const removing = rows.filter(({ state }) => state === "removing");
    const why = "it is removing and its daemon is dead: the next start finishes it";
    return [...orphans, ...removing.map(({ id }) => ({ counter: "images", what: `image ${id}`, why }))];
  },
};
