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
 * Brings rows back from the copies in directories that no row has, since a database that looks healthy may have lost some too. One
 * whose row was deleted just before the daemon died comes back as well, and is removed once more. What does not come back is logged.
 */
export function adoptCopies(parts: AdoptionParts): void {
  const { rows, directories, log } = parts;
  const lost = new Map(rows.bad.map(({ id, reason }) => [id, reason]));
  let adopted = 0;
  for (const dir of directories.listSync()) {
    if (rows.hasDirectory(dir)) continue;
    try {
      const snapshot = readDirectory(parts, dir);
      if (snapshot === undefined || rows.find(snapshot.key) !== undefined) continue;
      rows.insert(snapshot);
      if (lost.delete(snapshot.key)) {
        log.warn({ snapshot: snapshot.key }, "the row of a snapshot was damaged; its copy takes its place");
      } else adopted++;
    } catch (reason) {
      log.warn({ dir, error: StatusError.from(reason).message }, "the copy of a snapshot's row cannot be used");
    }
  }
  if (adopted > 0) log.warn({ snapshots: adopted }, "rows of snapshots were lost; their copies take their places");
  for (const [snapshot, reason] of lost) log.warn({ snapshot, reason }, "the row of a snapshot cannot be used");
}

/**
 * Drops the rows of layers whose files somebody has removed: a pull unpacks them anew, and what stands on them is whole
 * again. Others are made or removed by whoever asked for them.
 */
export function dropHollowLayers({ rows, directories, log }: AdoptionParts): void {
  for (const { key, kind, dir } of rows.list()) {
    if (kind !== "layer" || existsSync(directories.filesOf(dir))) continue;
    rows.delete(key);
    log.warn({ snapshot: key, dir: directories.pathOf(dir) }, "the files of a layer are gone");
  }
}
