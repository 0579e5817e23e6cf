import { Code, StatusError } from "@crib/errdefs";

import { type BadRow, type Database, onRollback, openRecordTable, type RecordTable } from "../metadata/index.ts";
import { type SnapshotRecord, snapshotSchema, toRecord, toSnapshot } from "./snapshot-record.ts";
import type { Snapshot } from "./types.ts";

/** Longer than any image can be; a longer chain is a damaged one. */
const maximumChain = 10_000;

/** The rows of all snapshots, in memory too. Every change is part of the open transaction where there is one. */
export class SnapshotRows {
  readonly #database: Database;
  readonly #table: RecordTable<SnapshotRecord>;
  /** Keys of what stands directly on a key. */
  readonly #children = new Map<string, Set<string>>();
  readonly #directories = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
    this.#table = openRecordTable<SnapshotRecord>(database, {
      table: "snapshots",
      noun: "snapshot",
      schema: snapshotSchema,
    });
    for (const snapshot of this.list()) this.#link(snapshot);
  }

  /** Rows that were bad; they are in the quarantine. */
  get bad(): readonly BadRow[] {
    return this.#table.bad;
  }

  find(key: string): Snapshot | undefined {
    const record = this.#table.find(key);
    return record === undefined ? undefined : toSnapshot(record);
  }

  /** NotFound. */
  get(key: string): Snapshot {
    return toSnapshot(this.#table.get(key));
  }

  list(): readonly Snapshot[] {
    return this.#table.list().map(toSnapshot);
  }

  /** Whether a snapshot has this directory. */
  hasDirectory(dir: string): boolean {
    return this.#directories.has(dir);
  }

  /** A snapshot that stands directly on this one. */
  childOf(key: string): string | undefined {
    return this.#children.get(key)?.values().next().value;
  }

  /** The layers that a snapshot consists of or stands on, nearest first. NotFound; DataLoss when one of them is missing. */
  layers(key: string): readonly Snapshot[] {
    const start = this.get(key);
    const layers: Snapshot[] = start.kind === "layer" ? [start] : [];
    for (let { parent } = start; parent !== undefined;) {
      const layer = this.find(parent);
      if (layer === undefined || layers.length >= maximumChain) {
        throw new StatusError(Code.DataLoss, `snapshot "${key}": there is no layer "${parent}" any more`);
      }
      layers.push(layer);
      parent = layer.parent;
    }
    return layers;
  }

  insert(snapshot: Snapshot): void {
    this.#table.put(toRecord(snapshot));
    this.#link(snapshot);
    onRollback(this.#database, () => this.#unlink(snapshot));
  }

  /** Absence is success. */
  delete(key: string): void {
    const snapshot = this.find(key);
    if (snapshot === undefined) return;
    this.#table.delete(key);
    this.#unlink(snapshot);
    onRollback(this.#database, () => this.#link(snapshot));
  }

  #link({ key, parent, dir }: Snapshot): void {
    this.#directories.add(dir);
    if (parent === undefined) return;
    const children = this.#children.get(parent) ?? new Set();
    this.#children.set(parent, children.add(key));
  }

  #unlink({ key, parent, dir }: Snapshot): void {
    this.#directories.delete(dir);
    if (parent === undefined) return;
    const children = this.#children.get(parent);
    children?.delete(key);
    if (children?.size === 0) this.#children.delete(parent);
  }
}
