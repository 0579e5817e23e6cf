import { StatusError } from "@crib/errdefs";

import type { LayerUnpacker } from "../layers/types.ts";
import type { BadRow, Database } from "../metadata/index.ts";
import { OverlaySnapshots } from "./overlay-snapshots.ts";
import { readSnapshotCopy } from "./snapshot-copies.ts";
import { SnapshotDirectories } from "./snapshot-directories.ts";
import { SnapshotRows } from "./snapshot-rows.ts";
import type { Snapshots } from "./types.ts";

/** What the snapshots of a daemon are made of. */
export interface SnapshotsOptions {
  readonly database: Database;
  /** The daemon's root; directories are in its folder `snapshots`. */
  readonly rootDir: string;
  readonly unpacker: Pick<LayerUnpacker, "removeTree" | "usage">;
  /** Told of copies and rows that could not be used. */
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Opens the snapshots. Bad rows are never fatal: they are replaced by the copy in their directory. When the database had to be
 * set aside, all rows come back from the copies; one that was being removed then is removed again by the garbage collection.
 */
export function createSnapshots({ database, rootDir, unpacker, log }: SnapshotsOptions): Snapshots {
  const rows = new SnapshotRows(database);
  const directories = new SnapshotDirectories(rootDir, unpacker);
  for (const { dir } of rows.list()) directories.reserve(dir);
  for (const { id, reason } of rows.bad) log.warn({ snapshot: id, reason }, "the row of a snapshot cannot be used");
  if (database.setAside !== undefined || rows.bad.length > 0) {
    adoptCopies(rows, directories, database.setAside === undefined ? rows.bad : undefined, log);
  }
  return new OverlaySnapshots({ database, rows, directories, unpacker });
}

/** Gives directories without a row the one that their copy tells of: all of them, or those whose rows were bad. */
function adoptCopies(
  rows: SnapshotRows,
  directories: SnapshotDirectories,
  only: readonly BadRow[] | undefined,
  log: SnapshotsOptions["log"],
): void {
  const taken = new Set(rows.list().map(({ dir }) => dir));
  for (const dir of directories.listSync()) {
    if (taken.has(dir)) continue;
    try {
      const copy = readSnapshotCopy(directories.pathOf(dir));
      if (copy?.dir !== dir || rows.find(copy.key)) continue;
      if (only && !only.some(({ id }) => id === copy.key)) continue;
      rows.insert(copy);
    } catch (reason) {
      log.warn({ dir, error: StatusError.from(reason).message }, "the copy of a snapshot's row cannot be used");
    }
  }
}
