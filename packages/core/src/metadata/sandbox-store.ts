import { Code, StatusError } from "@crib/errdefs";

import { isSandboxId } from "../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { classifySqlite } from "./classify-sqlite.ts";
import type { Database } from "./database.ts";
import type { RecordCopies } from "./record-copies.ts";
import { openRecord, sealRecord } from "./sandbox-record.ts";

/** A record that could not be used, and why. It was kept, its id and name are not served. */
export interface QuarantinedRecord {
  readonly id: string;
  readonly reason: string;
}

/** The durable records of pod sandboxes, all of them in memory too. Every write is one transaction, committed on return. */
export interface SandboxStore {
  readonly quarantined: readonly QuarantinedRecord[];
  /** AlreadyExists, naming the holder's id, when the name is taken. */
  insert(record: SandboxRecord): void;
  /** Replaces the record of the same id. NotFound when there is none. */
  replace(record: SandboxRecord): void;
  /** Absence is success. The copy is removed by `dropCopy`. */
  delete(id: string): void;
  find(id: string): SandboxRecord | undefined;
  findByName(name: string): SandboxRecord | undefined;
  /** By id or unique prefix. NotFound; InvalidArgument when empty or ambiguous. */
  get(idOrPrefix: string): SandboxRecord;
  list(): readonly SandboxRecord[];
  /** Writes the JSON copy of the record as it stands now. */
  copy(id: string): Promise<void>;
  /** Removes the record's directory. */
  dropCopy(id: string): Promise<void>;
}

/** Loads all records; bad ones are replaced by their copy if that is good, else put in quarantine. Never fails for a bad record. */
export async function openSandboxStore(database: Database, copies: RecordCopies): Promise<SandboxStore> {
  const { sqlite } = database;
  const byId = new Map<string, SandboxRecord>();
  const idByName = new Map<string, string>();
  const quarantined: QuarantinedRecord[] = [];
  const insertRow = sqlite.prepare("INSERT INTO sandboxes (id, name, state, checksum, record) VALUES (?, ?, ?, ?, ?)");
  const replaceRow = sqlite.prepare("UPDATE sandboxes SET state = ?, checksum = ?, record = ? WHERE id = ?");
  const deleteRow = sqlite.prepare("DELETE FROM sandboxes WHERE id = ?");
  const quarantineRow = sqlite.prepare(
    "INSERT OR REPLACE INTO quarantine (id, at, reason, record) VALUES (?, ?, ?, ?)",
  );

  const insert = (record: SandboxRecord): void => {
    const holder = idByName.get(record.name);
    if (holder !== undefined) {
      throw new StatusError(Code.AlreadyExists, `name "${record.name}" is held by sandbox "${holder}"`);
    }
    const sealed = sealRecord(record);
    write(record.id, () => insertRow.run(record.id, record.name, record.state, sealed.checksum, sealed.record));
    database.committed();
    byId.set(record.id, record);
    idByName.set(record.name, record.id);
  };

  const quarantine = (id: string, reason: unknown, text: string): void => {
    const message = StatusError.from(reason).message;
    quarantineRow.run(id, new Date().toISOString(), message, text);
    deleteRow.run(id);
    quarantined.push({ id, reason: message });
  };

  const loadRows = async (): Promise<void> => {
    const rows = sqlite.prepare("SELECT id, checksum, record FROM sandboxes").all() as {
      id: string;
      checksum: string;
      record: string;
    }[];
    for (const row of rows) {
      try {
        const record = openRecord(row);
        if (record.id !== row.id) throw new StatusError(Code.DataLoss, `record: it is of "${record.id}"`);
        byId.set(record.id, record);
        idByName.set(record.name, record.id);
      } catch (reason) {
        quarantine(row.id, reason, row.record);
        await restoreCopy(row.id);
      }
    }
  };

  const restoreCopy = async (id: string): Promise<void> => {
    try {
      const sealed = await copies.read(id);
      if (!sealed) return;
      const record = openRecord(sealed);
      if (record.id !== id) throw new StatusError(Code.DataLoss, `copy of record "${id}": it is of "${record.id}"`);
      if (byId.has(id)) return;
      insert(idByName.has(record.name) ? yieldName(record) : record);
      const index = quarantined.findIndex((entry) => entry.id === id);
      if (index >= 0) quarantined.splice(index, 1);
    } catch (reason) {
      quarantined.push({ id, reason: StatusError.from(reason).message });
    }
  };

  await loadRows();
  for (const row of sqlite.prepare("SELECT DISTINCT id, reason FROM quarantine").all() as {
    id: string;
    reason: string;
  }[]) {
    if (!byId.has(row.id) && !quarantined.some((entry) => entry.id === row.id))
      quarantined.push({ id: row.id, reason: row.reason });
  }
  // A database that opens may still have lost rows, so every copy without a row comes back. One whose row was deleted
  // just before the daemon died does too: its removal or undo then runs once more, and finds nothing.
  for (const id of await copies.list()) {
    if (byId.has(id) || !isSandboxId(id)) continue;
    await restoreCopy(id);
    // A directory without row and copy is what is left of a removal that was cut short between the two.
    if (!byId.has(id) && !quarantined.some((entry) => entry.id === id)) await copies.remove(id);
  }

  return {
    quarantined,
    insert,
    replace(record): void {
      if (!byId.has(record.id)) throw new StatusError(Code.NotFound, `sandbox "${record.id}": no such record`);
      const sealed = sealRecord(record);
      write(record.id, () => replaceRow.run(record.state, sealed.checksum, sealed.record, record.id));
      database.committed();
      byId.set(record.id, record);
    },
    delete(id): void {
      const record = byId.get(id);
      if (!record) return;
      write(id, () => deleteRow.run(id));
      database.committed();
      byId.delete(id);
      idByName.delete(record.name);
    },
    find: (id) => byId.get(id),
    findByName: (name) => byId.get(idByName.get(name) ?? ""),
    get: (idOrPrefix) => lookUp(byId, idOrPrefix),
    list: () => [...byId.values()],
    async copy(id): Promise<void> {
      const record = byId.get(id);
      if (record) await copies.write(id, sealRecord(record));
    },
    dropCopy: (id) => copies.remove(id),
  };
}

function write(id: string, statement: () => unknown): void {
  try {
    statement();
  } catch (reason) {
    throw classifySqlite(reason, `writing the record of "${id}"`);
  }
}

/** Of two records with one name the one in the database is right; the other only has to be cleaned up, under a name of its own. */
function yieldName(record: SandboxRecord): SandboxRecord {
  return {
    ...record,
    name: `${record.name}_${record.id}`,
    state: record.state === "ready" ? "stopping" : record.state,
  };
}

function lookUp(byId: ReadonlyMap<string, SandboxRecord>, idOrPrefix: string): SandboxRecord {
  const exact = byId.get(idOrPrefix);
  if (exact) return exact;
  if (idOrPrefix === "") throw new StatusError(Code.InvalidArgument, "sandbox id: it is empty");
  let found: SandboxRecord | undefined;
  for (const [id, record] of byId) {
    if (!id.startsWith(idOrPrefix)) continue;
    if (found)
      throw new StatusError(Code.InvalidArgument, `sandbox id "${idOrPrefix}": more than one id begins with it`);
    found = record;
  }
  if (!found) throw new StatusError(Code.NotFound, `sandbox "${idOrPrefix.slice(0, 80)}": not found`);
  return found;
}
