import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { ContainerRecord, ContainerState } from "@crib/core/containers";
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

/** What the counters need to know of the record of a container. */
export interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly state: ContainerState;
  /** It was being stopped, which the next daemon goes on with. */
  readonly isStopping: boolean;
  /** Its task was made ahead of its start. */
  readonly isAhead: boolean;
  readonly problem?: ContainerRecord["problem"];
}

/** The rows of a daemon, running or not, and what of them could not be read. */
export interface ReadRows {
  readonly rows: readonly SandboxRow[];
  readonly containers: readonly ContainerRow[];
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
    const unreadable: string[] = [];
    const read = <T>(table: "sandboxes" | "containers", toEntry: (record: never) => T): readonly T[] => {
      // A database of an earlier crib has no containers.
      const hasTable = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
      if (!hasTable) return [];
      const stored = database.prepare(`SELECT id, record FROM ${table}`).all() as { id: string; record: string }[];
      return stored.flatMap(({ id, record }) => {
        try {
          return [toEntry(JSON.parse(record) as never)];
        } catch (reason) {
          unreadable.push(StatusError.from(reason, `reading the record of "${id}"`).message);
          return [];
        }
      });
    };
    return { rows: read("sandboxes", toRow), containers: read("containers", toContainerRow), unreadable };
  } finally {
    database.close();
  }
}

async function readCopies(root: string, unreadable: readonly string[]): Promise<ReadRows> {
  const problems = [...unreadable];
  const read = async <T>(folder: string, toEntry: (record: never) => T): Promise<readonly T[]> => {
    const entries: T[] = [];
    for (const { name } of await listDir(join(root, folder))) {
      if (!isSandboxId(name)) continue;
      try {
        const text = await readFile(join(root, folder, name, "record.json"), "utf8");
        entries.push(toEntry((JSON.parse(text) as { readonly record: never }).record));
      } catch (reason) {
        if ((reason as NodeJS.ErrnoException).code === "ENOENT") continue;
        problems.push(StatusError.from(reason, `reading the copy of record "${name}"`).message);
      }
    }
    return entries;
  };
  const rows = await read("sandboxes", toRow);
  return { rows, containers: await read("containers", toContainerRow), unreadable: problems };
}

function toContainerRow({ id, name, state, problem, facts }: ContainerRecord): ContainerRow {
  const isAhead = facts.ahead === true;
  return { id, name, state, isStopping: facts.stopBy !== undefined, isAhead, ...(problem && { problem }) };
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
