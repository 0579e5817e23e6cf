import type { LayerUnpacker } from "../layers/types.ts";
import type { Database } from "../metadata/index.ts";
import { adoptCopies, dropHollowLayers } from "./adopt-copies.ts";
import { OverlaySnapshots } from "./overlay-snapshots.ts";
import { SnapshotCopies } from "./snapshot-copies.ts";
import { SnapshotDirectories } from "./snapshot-directories.ts";
import { SnapshotRows } from "./snapshot-rows.ts";
import type { Snapshot, Snapshots } from "./types.ts";

/** What the snapshots of a daemon are made of. */
export interface SnapshotsOptions {
  readonly database: Database;
  /** The daemon's root; directories are in its folder `snapshots`. */
  readonly rootDir: string;
  readonly unpacker: Pick<LayerUnpacker, "removeTree" | "usage">;
  /**
   * Path of a user namespace that has the mappings of a snapshot, such as the one that its owner's sandbox pins. Default: one is made for
   * the moment of mounting, which takes some 10 ms.
   */
  readonly usernsOf?: ((snapshot: Snapshot) => string | undefined) | undefined;
  /** Told of copies and rows that could not be used. */
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Opens the snapshots. Bad rows are never fatal: they are replaced by the copy in their directory, as are those that were lost;
 * one that was being removed is removed again, by the garbage collection or by its owner.
 */
export function createSnapshots({ database, rootDir, unpacker, usernsOf, log }: SnapshotsOptions): Snapshots {
  const rows = new SnapshotRows(database);
  const directories = new SnapshotDirectories(rootDir, unpacker);
  for (const { dir } of rows.list()) directories.reserve(dir);
  const copies = new SnapshotCopies(directories);
  const parts = { rows, directories, copies, log };
  adoptCopies(parts);
  dropHollowLayers(parts);
  return new OverlaySnapshots({ ...parts, database, unpacker, usernsOf: usernsOf ?? ((): undefined => undefined) });
}
