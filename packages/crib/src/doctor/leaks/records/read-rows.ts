import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { type SandboxRecord, type SandboxState, isSandboxId } from "@crib/core/sandbox";
import { StatusError } from "@crib/errdefs";

import { listDir } from "../list-dir.ts";

/** What the counters need to know of a record. */
export interface SandboxRow {
  readonly id: string;
  readonly name: string;
  readonly state: SandboxState;
  readonly problem?: SandboxRecord["problem"];
  /** JSON texts of the pod's CNI configurations. */
  readonly networkConfigs: readonly string[];
  /** CNI results as stored. */
  readonly results: readonly unknown[];
  /** Namespaces of the pod, by path. */
  readonly namespaces: readonly string[];
}

/** The rows of a daemon, running or not, and what of them could not be read. */
export interface ReadRows {
  readonly rows: readonly SandboxRow[];
  readonly unreadable: readonly string[];
}

/**
 * Reads the rows from the database without changing it. Where there is none, or SQLite cannot read it, the copies in
 * the record directories stand for the rows, as the daemon itself would take them.
 */
export async function readRows(root: string): Promise<ReadRows> {
  const path = join(root, "metadata.db");
  if (!existsSync(path)) return await readCopies(root, []);
  try {
    return readDatabase(path);
  } catch (reason) {
    return await readCopies(root, [StatusError.from(reason, `reading "${path}"`).message]);
  }
}

function readDatabase(path: string): ReadRows {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 2_000 });
  try {
    const stored = database.prepare("SELECT id, record FROM sandboxes").all() as { id: string; record: string }[];
    const rows: SandboxRow[] = [];
    const unreadable: string[] = [];
    for (const { id, record } of stored) {
      try {
        rows.push(toRow(JSON.parse(record) as SandboxRecord));
      } catch (reason) {
        unreadable.push(StatusError.from(reason, `reading the record of "${id}"`).message);
      }
    }
    return { rows, unreadable };
  } finally {
    database.close();
  }
}

async function readCopies(root: string, unreadable: readonly string[]): Promise<ReadRows> {
  const rows: SandboxRow[] = [];
  const problems = [...unreadable];
  for (const { name } of await listDir(join(root, "sandboxes"))) {
    if (!isSandboxId(name)) continue;
    try {
      const text = await readFile(join(root, "sandboxes", name, "record.json"), "utf8");
      rows.push(toRow((JSON.parse(text) as { readonly record: SandboxRecord }).record));
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") continue;
      problems.push(StatusError.from(reason, `reading the copy of record "${name}"`).message);
    }
  }
  return { rows, unreadable: problems };
}

function toRow({ id, name, state, problem, plan, facts }: SandboxRecord): SandboxRow {
  return {
    id,
    name,
    state,
    ...(problem && { problem }),
    networkConfigs: plan.networks.map(({ config }) => config),
    results: facts.network?.results ?? [],
    namespaces: Object.values(plan.namespaces).filter((path) => path !== undefined),
  };
}
