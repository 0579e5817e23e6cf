import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";

// A checkpoint syncs the file; on a busy disk that takes long, and must not hold up the daemon's event loop.
const { path } = workerData as { readonly path: string };
const sqlite = new DatabaseSync(path);
sqlite.exec("PRAGMA busy_timeout = 2000");
sqlite.prepare("PRAGMA wal_checkpoint(PASSIVE)").all();
sqlite.close();
