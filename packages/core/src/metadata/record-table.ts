import { Code, StatusError } from "@crib/errdefs";
import type { ZodType } from "zod";

import { classifySqlite } from "./classify-sqlite.ts";
import type { Database } from "./database.ts";
import type { SealedRecord } from "./record-copies.ts";
import { openSealed, sealJson } from "./sealed-json.ts";
import { onRollback } from "./transaction.ts";

/** A row that could not be read: it was moved to the quarantine, nothing of it is served. */
export interface BadRow extends SealedRecord {
  readonly id: string;
  readonly reason: string;
}

/** Records of one kind, sealed in a table `(id, state, checksum, record)` and held in memory. */
export interface RecordTable<T> {
  /** Rows that were bad when the table was opened. */
  readonly bad: readonly BadRow[];
  /** NotFound. */
  get(id: string): T;
  find(id: string): T | undefined;
  list(): readonly T[];
  /** Inserts the record or replaces that of the same id; part of the open transaction where there is one. */
  put(record: T): void;
  /** Absence is success. */
  delete(id: string): void;
}

/** What the records of a table are. */
export interface RecordKind {
  readonly table: "images" | "pulls" | "snapshots";
  /** Names a record in errors: `image`, `pull`, `snapshot`. */
  readonly noun: string;
  readonly schema: ZodType;
}

/** Loads a table. Bad rows go to the quarantine; they are never fatal and never erased. */
export function openRecordTable<T extends { readonly id: string; readonly state: string }>(
  database: Database,
  { table, noun, schema }: RecordKind,
): RecordTable<T> {
  const { sqlite } = database;
  const byId = new Map<string, T>();
  const bad: BadRow[] = [];
  const putRow = sqlite.prepare(
    `INSERT INTO ${table} (id, state, checksum, record) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, checksum = excluded.checksum, record = excluded.record`,
  );
  const deleteRow = sqlite.prepare(`DELETE FROM ${table} WHERE id = ?`);
  const quarantineRow = sqlite.prepare(
    "INSERT OR REPLACE INTO quarantine (id, at, reason, record) VALUES (?, ?, ?, ?)",
  );

  const write = (id: string, statement: () => unknown): void => {
    try {
      statement();
    } catch (reason) {
      throw classifySqlite(reason, `writing the record of ${noun} "${id}"`);
    }
    database.committed();
  };
  const remember = (id: string, record: T | undefined): void => {
    const before = byId.get(id);
    const set = (value: T | undefined): void => void (value === undefined ? byId.delete(id) : byId.set(id, value));
    set(record);
    onRollback(database, () => set(before));
  };

  const rows = sqlite
    .prepare(`SELECT id, checksum, record FROM ${table}`)
    .all() as unknown as readonly (SealedRecord & {
    readonly id: string;
  })[];
  for (const row of rows) {
    try {
      const record = openSealed<T>(row, schema);
      if (record.id !== row.id) throw new StatusError(Code.DataLoss, `record: it is of "${record.id}"`);
      byId.set(row.id, record);
    } catch (reason) {
      const { message } = StatusError.from(reason);
      write(row.id, () => quarantineRow.run(row.id, new Date().toISOString(), message, row.record));
      write(row.id, () => deleteRow.run(row.id));
      bad.push({ ...row, reason: message });
    }
  }

  return {
    bad,
    get(id): T {
      const record = byId.get(id);
      if (record === undefined) throw new StatusError(Code.NotFound, `${noun} "${id}": no such record`);
      return record;
    },
    find: (id) => byId.get(id),
    list: () => [...byId.values()],
    put(record): void {
      const sealed = sealJson(record);
      write(record.id, () => putRow.run(record.id, record.state, sealed.checksum, sealed.record));
      remember(record.id, record);
    },
    delete(id): void {
      if (!byId.has(id)) return;
      write(id, () => deleteRow.run(id));
      remember(id, undefined);
    },
  };
}
