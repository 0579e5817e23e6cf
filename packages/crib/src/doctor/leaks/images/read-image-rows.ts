import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { ImageRecord, Snapshot } from "@crib/core";
import { StatusError } from "@crib/errdefs";

/** What the counters need to know of an image. */
export type ImageRow = Pick<ImageRecord, "id" | "state" | "manifest" | "targets" | "layers">;

/** The same of a pull or import that runs, or was left half-way. */
export interface PullRow {
  readonly id: string;
  readonly createdAt: string;
  readonly reference: string;
  /** Digests of blobs, and chain ids of layers, that it has claimed. */
  readonly blobs: readonly string[];
  readonly layers: readonly string[];
}

/** The same of a snapshot. */
export type SnapshotRow = Pick<Snapshot, "key" | "kind" | "parent" | "dir" | "createdAt" | "owner">;

/** What the database says of images. */
export interface ImageRows {
  readonly images: readonly ImageRow[];
  readonly pulls: readonly PullRow[];
  readonly snapshots: readonly SnapshotRow[];
}

interface StoredPull {
  readonly id: string;
  readonly createdAt: string;
  readonly plan: { readonly reference: string };
  readonly facts: {
    readonly documents?: readonly { readonly digest: string }[];
    readonly config?: { readonly digest: string };
    readonly layers?: readonly { readonly digest: string; readonly chainId: string }[];
  };
}

interface StoredSnapshot extends Omit<SnapshotRow, "key" | "kind"> {
  readonly id: string;
  readonly state: Snapshot["kind"];
}

/**
 * Reads the rows of a daemon, running or not, without changing anything. Rejects where there is no database or one row
 * cannot be read: what nothing leads to is then not known.
 */
export async function readImageRows(root: string): Promise<ImageRows> {
  const path = join(root, "metadata.db");
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 2_000 });
    try {
      return {
        images: readTable(database, "images") as ImageRow[],
        pulls: (readTable(database, "pulls") as StoredPull[]).map(toPullRow),
        snapshots: (readTable(database, "snapshots") as StoredSnapshot[]).map(({ id, state, ...rest }) => ({
          ...rest,
          key: id,
          kind: state,
        })),
      };
    } finally {
      database.close();
    }
  } catch (reason) {
    throw StatusError.from(reason, `reading the images' rows in "${path}"`);
  }
}

function readTable(database: DatabaseSync, table: "images" | "pulls" | "snapshots"): unknown[] {
  // A daemon that knew nothing of images has no such table.
  if (!database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table)) return [];
  const rows = database.prepare(`SELECT record FROM ${table}`).all() as { readonly record: string }[];
  return rows.map(({ record }) => JSON.parse(record) as unknown);
}

function toPullRow({ id, createdAt, plan, facts }: StoredPull): PullRow {
  const { documents = [], config, layers = [] } = facts;
  return {
    id,
    createdAt,
    reference: plan.reference,
    blobs: [...documents, ...(config ? [config] : []), ...layers].map(({ digest }) => digest),
    layers: layers.map(({ chainId }) => chainId),
  };
}
