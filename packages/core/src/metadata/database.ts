import { open, rename } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";

import { StatusError } from "@crib/errdefs";

import { type DiskReserve, diskReserve } from "./disk-reserve.ts";

/** Pages in the write-ahead log after which it is written back, by a worker. */
const checkpointPages = 1_000;

/** Beside this file, as source or as part of a bundle. */
const checkpointWorker = new URL(
  import.meta.url.endsWith(".ts") ? "./checkpoint-worker.ts" : "./checkpoint-worker.js",
  import.meta.url,
);

/** The one database of a daemon, opened for writing. */
export interface Database extends AsyncDisposable {
  readonly sqlite: DatabaseSync;
  /** Set when the file could not be read: where it was put aside. Records must then be rebuilt from their copies. */
  readonly setAside: string | undefined;
  /** Room for what is written to make room. */
  readonly reserve: DiskReserve;
  /** Tells that something was committed; writes the log back from a worker when it has grown. */
  committed(): void;
  /** Settles when all that was committed so far is on the disk, and survives a loss of power. */
  sync(): Promise<void>;
}

const schema = `
  CREATE TABLE IF NOT EXISTS sandboxes (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, checksum TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, checksum TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, checksum TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS image_names (
    name TEXT PRIMARY KEY, image_id TEXT NOT NULL, target TEXT NOT NULL, checksum TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pulls (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, checksum TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS snapshots (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, checksum TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quarantine (
    id TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (id, at)
  ) STRICT;
`;

/**
 * Opens or makes the database (WAL, synchronous NORMAL: a commit survives the daemon at once, the machine after the
 * next checkpoint). A file that SQLite cannot read is kept beside it, never erased.
 */
export async function openDatabase(path: string): Promise<Database> {
  let setAside: string | undefined;
  let sqlite: DatabaseSync;
  try {
    sqlite = openChecked(path);
  } catch (reason) {
    setAside = `${path}.unreadable-${new Date().toISOString().replaceAll(":", "-")}`;
    await moveAside(path, setAside, reason);
    sqlite = openChecked(path);
  }
  const reserve = diskReserve(`${path}.reserve`);
  await reserve.restore();
  let commits = 0;
  let worker: Worker | undefined;
  const checkpoint = (): void => {
    worker = new Worker(checkpointWorker, {
      workerData: { path },
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 16 },
    });
    worker.on("error", () => {}); // a checkpoint that failed is tried again at the next turn
    worker.on("exit", () => (worker = undefined));
    worker.unref();
  };
  return {
    sqlite,
    setAside,
    reserve,
    committed(): void {
      commits++;
      // A record is two pages on average; counting commits spares asking the file system.
      if (commits * 2 < checkpointPages || worker) return;
      commits = 0;
      checkpoint();
    },
    sync: () => syncFile(`${path}-wal`),
    async [Symbol.asyncDispose](): Promise<void> {
      await worker?.terminate();
      sqlite.close();
    },
  };
}

/** In the log every commit has a checksum of its own: with the log on the disk it is found again, whatever the database has. */
async function syncFile(path: string): Promise<void> {
  try {
    await using file = await open(path, "r");
    await file.datasync();
  } catch (reason) {
    // Where there is no log, nothing was committed since it was written back.
    if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw StatusError.from(reason, `syncing "${path}"`);
  }
}

function openChecked(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path);
  try {
    // Another process may read (crib doctor) or hold the log while a checkpoint runs.
    sqlite.exec(
      "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;",
    );
    const problems = sqlite.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
    if (problems[0]?.quick_check !== "ok") throw new Error(problems[0]?.quick_check ?? "quick_check gave no answer");
    sqlite.exec(schema);
    // A table of the right name with other columns is as useless as an unreadable one.
    for (const table of ["sandboxes", "containers"]) {
      sqlite.prepare(`SELECT id, name, state, checksum, record FROM ${table} LIMIT 1`).all();
    }
    sqlite.prepare("SELECT name, image_id, target, checksum FROM image_names LIMIT 1").all();
    for (const table of ["images", "pulls", "snapshots"]) {
      sqlite.prepare(`SELECT id, state, checksum, record FROM ${table} LIMIT 1`).all();
    }
    return sqlite;
  } catch (reason) {
    sqlite.close();
    throw reason;
  }
}

async function moveAside(path: string, target: string, cause: unknown): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      await rename(path + suffix, target + suffix);
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw StatusError.from(reason, `putting aside the unreadable database "${path}" (${String(cause)})`);
    }
  }
}
