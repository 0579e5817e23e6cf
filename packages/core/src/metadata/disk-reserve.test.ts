import { equal, ok, rejects, throws } from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { classifySqlite } from "./classify-sqlite.ts";
import { type Database, freeingTransaction, freeingWork, openDatabase, transaction } from "./index.ts";

async function openScratch(t: TestContext): Promise<{ readonly database: Database; readonly reserve: string }> {
  const dir = await mkdtemp(join(tmpdir(), "crib-reserve-"));
  const path = join(dir, "metadata.db");
  const database = await openDatabase(path);
  t.after(async () => {
    await database[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });
  database.sqlite.exec("CREATE TABLE words (word TEXT PRIMARY KEY) STRICT");
  return { database, reserve: `${path}.reserve` };
}

/** The database is full, as if the disk were, unless the reserve is gone. */
function write({ sqlite }: Database, reserve: string, word: string): void {
  const limit = existsSync(reserve) ? 1 : 1_000_000;
  sqlite.exec(`PRAGMA max_page_count = ${limit}`);
  try {
    sqlite.prepare("INSERT INTO words VALUES (?)").run(word.repeat(10_000));
  } catch (reason) {
    throw classifySqlite(reason, "writing a word");
  }
}

test("a full disk fails what takes room, and lets what makes room take the reserve, once", async (t) => {
  const { database, reserve } = await openScratch(t);
  const rows = (): number => Number(database.sqlite.prepare("SELECT count(*) AS n FROM words").get()?.["n"]);
  ok(statSync(reserve).blocks * 512 >= 1 << 20);

  throws(() => transaction(database, () => write(database, reserve, "a")), { code: Code.ResourceExhausted });
  ok(existsSync(reserve));
  freeingTransaction(database, () => write(database, reserve, "b"));
  equal(rows(), 1);
  ok(!existsSync(reserve));
  equal(database.reserve.release(), false);
  await database.reserve.restore();
  ok(existsSync(reserve));
  let tries = 0;
  const fail = (): never => {
    tries++;
    throw new Error("another failure");
  };
  throws(() => freeingTransaction(database, fail), /another failure/);
  equal(tries, 1);
});

test("work of several transactions that meets a full disk is begun again with the room of the reserve, once", async (t) => {
  const { database, reserve } = await openScratch(t);
  let tries = 0;
  const work = async (): Promise<number> => {
    transaction(database, () => write(database, reserve, `${++tries}`));
    return tries;
  };
  equal(await freeingWork(database, work), 2);
  ok(!existsSync(reserve));
  const full = new StatusError(Code.ResourceExhausted, "it is still full");
  await rejects(
    freeingWork(database, () => Promise.reject(full)),
    full,
  );
});
