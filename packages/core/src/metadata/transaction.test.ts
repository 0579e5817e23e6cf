import { deepEqual, equal, throws } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { type Database, onRollback, openDatabase, transaction } from "./index.ts";

async function openScratch(t: TestContext): Promise<Database> {
  const dir = await mkdtemp(join(tmpdir(), "crib-transaction-"));
  const database = await openDatabase(join(dir, "metadata.db"));
  t.after(async () => {
    await database[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });
  database.sqlite.exec("CREATE TABLE words (word TEXT PRIMARY KEY) STRICT");
  return database;
}

/** A store of words that holds them in memory too. */
function words(database: Database): {
  readonly memory: string[];
  add(word: string): void;
  rows(): readonly string[];
} {
  const memory: string[] = [];
  return {
    memory,
    add(word): void {
      database.sqlite.prepare("INSERT INTO words VALUES (?)").run(word);
      memory.push(word);
      onRollback(database, () => memory.pop());
    },
    rows: () =>
      database.sqlite
        .prepare("SELECT word FROM words ORDER BY rowid")
        .all()
        .map((row) => String(row["word"])),
  };
}

test("all rows of a transaction are written, or none and memory follows", async (t) => {
  const database = await openScratch(t);
  const store = words(database);
  equal(
    transaction(database, () => {
      store.add("a");
      store.add("b");
      return 7;
    }),
    7,
  );
  throws(
    () =>
      transaction(database, () => {
        store.add("c");
        store.add("a");
      }),
    /UNIQUE/,
  );
  deepEqual(store.rows(), ["a", "b"]);
  deepEqual(store.memory, ["a", "b"]);
  equal(database.sqlite.isTransaction, false);
  store.add("d");
  deepEqual(store.memory, ["a", "b", "d"]);
});

test("an inner transaction is taken back alone, and goes with the outer one", async (t) => {
  const database = await openScratch(t);
  const store = words(database);
  transaction(database, () => {
    store.add("a");
    throws(() =>
      transaction(database, () => {
        store.add("b");
        throw new Error("no");
      }),
    );
    transaction(database, () => store.add("c"));
  });
  deepEqual(store.rows(), ["a", "c"]);
  deepEqual(store.memory, ["a", "c"]);
  throws(
    () =>
      transaction(database, () => {
        transaction(database, () => store.add("d"));
        throw new Error("outer");
      }),
    /outer/,
  );
  deepEqual(store.rows(), ["a", "c"]);
  deepEqual(store.memory, ["a", "c"]);
});

test("a transaction that the database itself ended is not gone on with", async (t) => {
  const database = await openScratch(t);
  const store = words(database);
  throws(
    () =>
      transaction(database, () => {
        store.add("a");
        database.sqlite.exec("ROLLBACK");
      }),
    { code: Code.Aborted },
  );
  deepEqual(store.rows(), []);
  deepEqual(store.memory, []);
  transaction(database, () => store.add("b"));
  deepEqual(store.rows(), ["b"]);
});

test("another process that holds the database makes a transaction fail as Unavailable", async (t) => {
  const database = await openScratch(t);
  database.sqlite.exec("PRAGMA busy_timeout = 20");
  const { DatabaseSync } = await import("node:sqlite");
  const other = new DatabaseSync(database.sqlite.location() ?? "");
  other.exec("BEGIN IMMEDIATE");
  t.after(() => other.close());
  throws(() => transaction(database, () => 1), { code: Code.Unavailable });
  other.exec("COMMIT");
  equal(
    transaction(database, () => 1),
    1,
  );
});
