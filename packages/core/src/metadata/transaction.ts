import { Code, StatusError } from "@crib/errdefs";

import { classifySqlite } from "./classify-sqlite.ts";
import type { Database } from "./database.ts";

/** What memory must take back when the open transaction, or the part of it that is open, does not come to be; newest last. */
const undos = new WeakMap<Database["sqlite"], (() => void)[]>();

function run(database: Database, statement: string, doing: string): void {
  try {
    database.sqlite.exec(statement);
  } catch (reason) {
    throw classifySqlite(reason, doing);
  }
}

/** Takes back what was noted after `mark`, newest first. */
function undoMemory(noted: (() => void)[], mark: number): void {
  for (const undo of noted.splice(mark).toReversed()) undo();
}

/**
 * Notes how what a store holds in memory is taken back when the open transaction is rolled back; without one it does nothing, since
 * the row is then already written. Called right after memory was changed. `undo` must not throw.
 */
export function onRollback(database: Database, undo: () => void): void {
  undos.get(database.sqlite)?.push(undo);
}

/**
 * Runs `body`, which must be synchronous, as one transaction: all rows that it writes, through any store of this database, are written
 * or none, and what stores hold in memory follows. It is committed on return and counted for the checkpoint. May be nested: the inner one is
 * taken back alone when it throws, and for good only when the outermost one ends. Throws what `body` throws; ResourceExhausted
 * when the disk is full, Unavailable when another process holds the database.
 */
export function transaction<T>(database: Database, body: () => T extends PromiseLike<unknown> ? never : T): T {
  const outer = undos.get(database.sqlite);
  return outer === undefined ? outermost(database, body as () => T) : nested(database, outer, body as () => T);
}

function outermost<T>(database: Database, body: () => T): T {
  const { sqlite } = database;
  const noted: (() => void)[] = [];
  run(database, "BEGIN IMMEDIATE", "beginning a transaction");
  undos.set(sqlite, noted);
  try {
    const result = body();
    assertOpen(database);
    run(database, "COMMIT", "committing a transaction");
    database.committed();
    return result;
  } catch (reason) {
    // SQLite ends a transaction by itself when the disk is full.
    if (sqlite.isTransaction) sqlite.exec("ROLLBACK");
    undoMemory(noted, 0);
    throw reason;
  } finally {
    undos.delete(sqlite);
  }
}

function nested<T>(database: Database, noted: (() => void)[], body: () => T): T {
  const mark = noted.length;
  assertOpen(database);
  run(database, "SAVEPOINT inner_transaction", "beginning an inner transaction");
  try {
    const result = body();
    assertOpen(database);
    run(database, "RELEASE inner_transaction", "ending an inner transaction");
    return result;
  } catch (reason) {
    if (database.sqlite.isTransaction) {
      database.sqlite.exec("ROLLBACK TO inner_transaction; RELEASE inner_transaction");
    }
    undoMemory(noted, mark);
    throw reason;
  }
}

/** A body that swallows the error of a full disk must not go on as if its earlier rows were still there. */
function assertOpen({ sqlite }: Database): void {
  if (!sqlite.isTransaction) throw new StatusError(Code.Aborted, "transaction: the database has rolled it back");
}
