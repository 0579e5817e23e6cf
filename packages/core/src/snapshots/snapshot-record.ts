import * as z from "zod";

import { openSealed, type SealedRecord, sealJson } from "../metadata/index.ts";
import type { Snapshot } from "./types.ts";

/** A snapshot as its row has it: `id` is the key, `state` the kind. */
export interface SnapshotRecord extends Omit<Snapshot, "key" | "kind"> {
  readonly version: 1;
  readonly id: string;
  readonly state: Snapshot["kind"];
}

const range = z.object({
  containerId: z.int().nonnegative(),
  hostId: z.int().nonnegative(),
  length: z.int().positive(),
});

/** What cannot be done without. A row is trusted once its checksum is right; `dir` becomes part of paths all the same. */
export const snapshotSchema: z.ZodType = z.looseObject({
  version: z.literal(1),
  id: z.string().min(1),
  state: z.enum(["layer", "active", "view"]),
  parent: z.string().min(1).optional(),
  dir: z.string().regex(/^[1-9][0-9]{0,14}$/),
  createdAt: z.iso.datetime(),
  usage: z.looseObject({ bytes: z.int().nonnegative(), inodes: z.int().nonnegative() }).optional(),
  idMappings: z.looseObject({ uids: z.array(range).min(1), gids: z.array(range).min(1) }).optional(),
  owner: z.string().optional(),
});

/** The row of a snapshot. */
export function toRecord({ key, kind, ...rest }: Snapshot): SnapshotRecord {
  return { version: 1, id: key, state: kind, ...rest };
}

/** The snapshot of a row. */
export function toSnapshot({ version: _version, id, state, ...rest }: SnapshotRecord): Snapshot {
  return { key: id, kind: state, ...rest };
}

/** The sealed text of a snapshot, as its copy has it too. */
export function sealSnapshot(snapshot: Snapshot): SealedRecord {
  return sealJson(toRecord(snapshot));
}

/** The snapshot of a sealed text. DataLoss. */
export function openSnapshot(sealed: SealedRecord): Snapshot {
  return toSnapshot(openSealed<SnapshotRecord>(sealed, snapshotSchema));
}
