import { existsSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import type { SnapshotCopies } from "./snapshot-copies.ts";
import type { SnapshotDirectories } from "./snapshot-directories.ts";
import type { SnapshotRows } from "./snapshot-rows.ts";
import type { Snapshot } from "./types.ts";

/** What the start works with. */
export interface AdoptionParts {
  readonly rows: SnapshotRows;
  readonly directories: SnapshotDirectories;
  readonly copies: SnapshotCopies;
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/** The snapshot that a directory without a row says it is; undefined when it does not, or is not complete. DataLoss. */
function readDirectory({ directories, copies }: AdoptionParts, dir: string): Snapshot | undefined {
  const snapshot = copies.readSync(dir);
  if (snapshot === undefined) return undefined;
  if (snapshot.dir !== dir)
    throw new StatusError(Code.DataLoss, `copy in directory "${dir}": it is of "${snapshot.dir}"`);
  // What has no files yet, or any more, is made or removed anew.
  return snapshot.kind === "view" || existsSync(directories.filesOf(dir)) ? snapshot : undefined;
}

/**
 * Brings rows back from the copies in directories that no row has: those that were bad or, with `all`, as after the loss of the
 * database, every one. Otherwise such a directory is of a snapshot that was being removed. What does not come back is logged.
 */
export function adoptCopies(parts: AdoptionParts, all: boolean): void {
  const { rows, directories, log } = parts;
  const lost = new Map(rows.bad.map(({ id, reason }) => [id, reason]));
  if (!all && lost.size === 0) return;
  for (const dir of directories.listSync()) {
    if (rows.hasDirectory(dir)) continue;
    try {
      const snapshot = readDirectory(parts, dir);
      if (snapshot === undefined || rows.find(snapshot.key) !== undefined) continue;
      if (!all && !lost.has(snapshot.key)) continue;
      rows.insert(snapshot);
      if (!lost.delete(snapshot.key)) continue;
      log.warn({ snapshot: snapshot.key }, "the row of a snapshot was damaged; its copy takes its place");
    } catch (reason) {
      log.warn({ dir, error: StatusError.from(reason).message }, "the copy of a snapshot's row cannot be used");
    }
  }
  for (const [snapshot, reason] of lost) log.warn({ snapshot, reason }, "the row of a snapshot cannot be used");
}

/**
 * Drops the rows of layers whose directory somebody has removed: a pull unpacks them anew, and what stands on them is whole
 * again. Others are made or removed by whoever asked for them.
 */
export function dropHollowLayers({ rows, directories, log }: AdoptionParts): void {
  const present = new Set(directories.listSync());
  for (const { key, kind, dir } of rows.list()) {
    if (kind !== "layer" || present.has(dir)) continue;
    rows.delete(key);
    log.warn({ snapshot: key, dir: directories.pathOf(dir) }, "the directory of a layer is gone");
  }
}
