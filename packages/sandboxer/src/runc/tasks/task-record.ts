import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { RuncTasksOptions } from "../types.ts";

/** What has to be known of a task to remove it without the service that made it. */
export interface TaskRecord {
  readonly bundle: string;
  /** Absolute path of the OCI runtime, and its root. */
  readonly binary: string;
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** Whether the service mounted the root file system. */
  readonly mountsRootfs: boolean;
  /** As the OCI spec names it; absent where the runtime chooses. */
  readonly cgroupsPath?: string | undefined;
  /** The init process; 0 until it is there. */
  readonly pid: number;
}

/** The directory of a task's files. */
export function taskDirectory(options: Pick<RuncTasksOptions, "stateDir">, id: string): string {
  return join(options.stateDir, "tasks", id);
}

/** Volatile by nature, like what it tells of, so that nothing is synced. */
export function writeTaskRecord(directory: string, record: TaskRecord): void {
  writeFileSync(join(directory, "task.json"), JSON.stringify(record), { mode: 0o600 });
}

/** Undefined when there is none or it was cut off: then nothing was made yet but the directory. */
export function readTaskRecord(directory: string): TaskRecord | undefined {
  const file = join(directory, "task.json");
  try {
    return JSON.parse(readFileSync(file, "utf8")) as TaskRecord;
  } catch (error) {
    const known = StatusError.from(error, `reading "${file}"`);
    if (hasCode(known, Code.NotFound) || error instanceof SyntaxError) return undefined;
    throw known;
  }
}
