import { stat } from "node:fs/promises";
import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { imageRoots } from "./image-roots.ts";
import type { ImageRows, SnapshotRow } from "./read-image-rows.ts";

/** Directories of snapshots that no row names and that are not being removed, layers that nothing needs, and snapshots whose owner has gone. */
export const snapshots: LeakCounter = {
  name: "snapshots",
  async find(context): Promise<readonly Finding[]> {
    const dir = join(context.config.root, "snapshots");
    const names = (await listDir(dir)).map(({ name }) => name);
    if (names.length === 0) return [];
    const rows = await context.images();
    const isRunning = (await context.daemon()) !== undefined;
    const byDir = new Map(rows.snapshots.map((row) => [row.dir, row]));
    const { layers } = imageRoots(rows, isRunning);
    const findings = names.map(async (name): Promise<readonly Finding[]> => {
      const row = byDir.get(name);
      const path = join(dir, name);
      const isGoing = isRunning && name.endsWith(".gone");
      if (isGoing) return [];
      const why = row ? whyUnneeded(context, row, layers) : await whyWithoutRow(rows, isRunning, path);
      const owner = row?.owner;
      return why === undefined
        ? []
        : [
            {
              counter: "snapshots",
              what: row?.kind ?? "directory",
              path,
              why,
              ...(owner !== undefined && { rowId: owner }),
            },
          ];
    });
    return (await Promise.all(findings)).flat();
  },
};

function whyUnneeded(
  { config, unheld }: LeakContext,
  row: SnapshotRow,
  layers: ReadonlySet<string>,
): string | undefined {
  if (row.kind !== "layer") return row.owner === undefined ? "it has no owner" : unheld(row.owner, "files");
  // A pull that failed a short while ago will be tried again.
  const isYoung = Date.now() - Date.parse(row.createdAt) < config.keepPartialsMs;
  return layers.has(row.key) || isYoung ? undefined : "no image, pull or snapshot stands on it";
}

/** A running daemon makes the directory of a layer before its row, and removes that of an image's after it. */
async function whyWithoutRow(
  { images, pulls }: ImageRows,
  isRunning: boolean,
  path: string,
): Promise<string | undefined> {
  const why = "no row names it";
  if (!isRunning) return why;
  if (images.some(({ state }) => state === "removing")) return undefined;
  const found = await stat(path).catch(() => undefined); // it went meanwhile
  if (!found) return undefined;
  return pulls.some(({ createdAt }) => Date.parse(createdAt) <= found.ctimeMs) ? undefined : why;
}
