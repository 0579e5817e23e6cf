import { Code, StatusError } from "@crib/errdefs";
import type { ZodType } from "zod";

import { isSandboxId } from "../sandbox/sandbox-id.ts";
import { classifySqlite } from "./classify-sqlite.ts";
import type { Database } from "./database.ts";
import type { RecordCopies, SealedRecord } from "./record-copies.ts";
import { openSealed, sealJson } from "./sealed-json.ts";

/** A record that could not be used, and why. It was kept, its id and name are not served. */
export interface QuarantinedRecord {
  readonly id: string;
  readonly reason: string;
}

/** What every record with a name has. */
export interface NamedRecord {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** Durable records, each with a name that only one may have, all of them in memory too. Every write is one transaction, committed on return. */
export interface NamedRecords<T extends NamedRecord> {
  readonly quarantined: readonly QuarantinedRecord[];
  /** AlreadyExists, naming the holder's id, when the name is taken. */
  insert(record: T): void;
  /** Replaces the record of the same id. NotFound when there is none. */
  replace(record: T): void;
  /** Absence is success. The copy is removed by `dropCopy`. */
  delete(id: string): void;
  find(id: string): T | undefined;
  findByName(name: string): T | undefined;
  /** By id or unique prefix. NotFound; InvalidArgument when empty or ambiguous. */
  get(idOrPrefix: string): T;
  list(): readonly T[];
  /** Writes the JSON copy of the record as it stands now. */
  copy(id: string): Promise<void>;
  /** Removes the record's directory. */
  dropCopy(id: string): Promise<void>;
}

/** What the records of a table are. */
export interface NamedRecordKind<T extends NamedRecord> {
  readonly table: "sandboxes" | "containers";
  /** Names a record in errors. */
  readonly noun: "sandbox" | "container";
  /** What recovery cannot do without. The checksum vouches for the rest: nothing but crib writes records. */
  readonly schema: ZodType;
  /** The same record under a name of its own, to be cleaned up: of two with one name the one in the database is right. */
  readonly yieldName: (record: T) => T;
}

/** Loads all records; bad ones are replaced by their copy if that is good, else put in quarantine. Never fails for a bad record. */
export async function openNamedRecords<T extends NamedRecord>(
  database: Database,
  copies: RecordCopies,
  kind: NamedRecordKind<T>,
): Promise<NamedRecords<T>> {
  const loader = new Loader(database, copies, kind);
  await loader.load();
  const { rows, quarantined } = loader;
  return {
    quarantined,
    insert: (record) => rows.insert(record),
    replace: (record) => rows.replace(record),
    delete: (id) => rows.delete(id),
    find: (id) => rows.byId.get(id),
    findByName: (name) => rows.byId.get(rows.idByName.get(name) ?? ""),
    get: (idOrPrefix) => lookUp(rows.byId, kind.noun, idOrPrefix),
    list: () => [...rows.byId.values()],
    async copy(id): Promise<void> {
      const record = rows.byId.get(id);
      if (record) await copies.write(id, sealJson(record));
    },
    dropCopy: (id) => copies.remove(id),
  };
}

/** The rows of one table, and the same in memory. */
class Rows<T extends NamedRecord> {
  readonly byId = new Map<string, T>();
  readonly idByName = new Map<string, string>();
  readonly #database: Database;
  readonly #noun: string;
  readonly #statements: Readonly<Record<"insert" | "replace" | "delete", ReturnType<Database["sqlite"]["prepare"]>>>;

  constructor(database: Database, { table, noun }: NamedRecordKind<T>) {
    this.#database = database;
    this.#noun = noun;
    const { sqlite } = database;
    this.#statements = {
      insert: sqlite.prepare(`INSERT INTO ${table} (id, name, state, checksum, record) VALUES (?, ?, ?, ?, ?)`),
      replace: sqlite.prepare(`UPDATE ${table} SET state = ?, checksum = ?, record = ? WHERE id = ?`),
      delete: sqlite.prepare(`DELETE FROM ${table} WHERE id = ?`),
    };
  }

  remember(record: T): void {
    this.byId.set(record.id, record);
    this.idByName.set(record.name, record.id);
  }

  insert(record: T): void {
    const { id, name, state } = record;
    const holder = this.idByName.get(name);
    if (holder !== undefined) {
      throw new StatusError(Code.AlreadyExists, `name "${name}" is held by ${this.#noun} "${holder}"`);
    }
    const sealed = sealJson(record);
    this.#write(id, () => this.#statements.insert.run(id, name, state, sealed.checksum, sealed.record));
    this.remember(record);
  }

  replace(record: T): void {
    const { id, state } = record;
    if (!this.byId.has(id)) throw new StatusError(Code.NotFound, `${this.#noun} "${id}": no such record`);
    const sealed = sealJson(record);
    this.#write(id, () => this.#statements.replace.run(state, sealed.checksum, sealed.record, id));
    this.byId.set(id, record);
  }

  delete(id: string): void {
    const record = this.byId.get(id);
    if (!record) return;
    this.#write(id, () => this.#statements.delete.run(id));
    this.byId.delete(id);
    this.idByName.delete(record.name);
  }

  #write(id: string, statement: () => unknown): void {
    try {
      statement();
    } catch (reason) {
      throw classifySqlite(reason, `writing the record of "${id}"`);
    }
    this.#database.committed();
  }
}

/** Takes records from the table and from the copies. */
class Loader<T extends NamedRecord> {
  readonly rows: Rows<T>;
  readonly quarantined: QuarantinedRecord[] = [];
  readonly #database: Database;
  readonly #copies: RecordCopies;
  readonly #kind: NamedRecordKind<T>;

  constructor(database: Database, copies: RecordCopies, kind: NamedRecordKind<T>) {
    this.rows = new Rows(database, kind);
    this.#database = database;
    this.#copies = copies;
    this.#kind = kind;
  }

  async load(): Promise<void> {
    await this.#loadRows();
    this.#recallQuarantine();
    // A database that opens may still have lost rows, so every copy without a row comes back. One whose row was deleted
    // just before the daemon died does too: its removal or undo then runs once more, and finds nothing.
    for (const id of await this.#copies.list()) {
      if (this.rows.byId.has(id) || !isSandboxId(id)) continue;
      await this.#restoreCopy(id);
      // A directory without row and copy is what is left of a removal that was cut short between the two.
      if (!this.rows.byId.has(id) && !this.#isQuarantined(id)) await this.#copies.remove(id);
    }
  }

  async #loadRows(): Promise<void> {
    const { table } = this.#kind;
    const stored = this.#database.sqlite.prepare(`SELECT id, checksum, record FROM ${table}`).all();
    for (const row of stored as unknown as readonly (SealedRecord & { readonly id: string })[]) {
      try {
        this.rows.remember(this.#open(row, row.id));
      } catch (reason) {
        this.#quarantine(row.id, reason, row.record);
        await this.#restoreCopy(row.id);
      }
    }
  }

  #open(sealed: SealedRecord, id: string): T {
    const record = openSealed<T>(sealed, this.#kind.schema);
    if (record.id !== id) throw new StatusError(Code.DataLoss, `record "${id}": it is of "${record.id}"`);
    return record;
  }

  #quarantine(id: string, reason: unknown, text: string): void {
    const { message } = StatusError.from(reason);
    this.#database.sqlite
      .prepare("INSERT OR REPLACE INTO quarantine (id, at, reason, record) VALUES (?, ?, ?, ?)")
      .run(id, new Date().toISOString(), this.#mark() + message, text);
    this.#database.sqlite.prepare(`DELETE FROM ${this.#kind.table} WHERE id = ?`).run(id);
    this.quarantined.push({ id, reason: message });
  }

  /** The quarantine has no column for the kind; what is not marked is a sandbox's or an image's. */
  #mark(): string {
    return this.#kind.noun === "container" ? "container: " : "";
  }

  #recallQuarantine(): void {
    const stored = this.#database.sqlite.prepare("SELECT DISTINCT id, reason FROM quarantine").all();
    for (const { id, reason } of stored as unknown as readonly QuarantinedRecord[]) {
      const isMine = reason.startsWith("container: ") === (this.#kind.noun === "container");
      if (!isMine || this.rows.byId.has(id) || this.#isQuarantined(id)) continue;
      this.quarantined.push({ id, reason: reason.slice(this.#mark().length) });
    }
  }

  async #restoreCopy(id: string): Promise<void> {
    const { byId, idByName } = this.rows;
    try {
      const sealed = await this.#copies.read(id);
      if (!sealed) return;
      const record = this.#open(sealed, id);
      if (byId.has(id)) return;
      this.rows.insert(idByName.has(record.name) ? this.#kind.yieldName(record) : record);
      const index = this.quarantined.findIndex((entry) => entry.id === id);
      if (index >= 0) this.quarantined.splice(index, 1);
    } catch (reason) {
      this.quarantined.push({ id, reason: StatusError.from(reason).message });
    }
  }

  #isQuarantined(id: string): boolean {
    return this.quarantined.some((entry) => entry.id === id);
  }
}

function lookUp<T extends NamedRecord>(byId: ReadonlyMap<string, T>, noun: string, idOrPrefix: string): T {
  const exact = byId.get(idOrPrefix);
  if (exact) return exact;
  if (idOrPrefix === "") throw new StatusError(Code.InvalidArgument, `${noun} id: it is empty`);
  let found: T | undefined;
  for (const [id, record] of byId) {
    if (!id.startsWith(idOrPrefix)) continue;
    if (found)
      throw new StatusError(Code.InvalidArgument, `${noun} id "${idOrPrefix}": more than one id begins with it`);
    found = record;
  }
  if (!found) throw new StatusError(Code.NotFound, `${noun} "${idOrPrefix.slice(0, 80)}": not found`);
  return found;
}
