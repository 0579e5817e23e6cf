import { chmodSync, closeSync, constants, mkdirSync, openSync } from "node:fs";
import { basename, dirname, relative } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { LogRequest } from "../types.ts";

/** `O_PATH`, which `fs.constants` lacks. */
const O_PATH = 0o10_000_000;
const directoryMode = 0o755;

/** Where a log is; see `LogRequest`. */
export type LogPlace = Pick<LogRequest, "path" | "directory">;

/**
 * Gives a path by which the log is reached without following any symbolic link below its directory: containers that mount the host's logs
 * may put some there. It holds during the call only. Directories that are missing are made. FailedPrecondition for what is no directory.
 */
export function atLogPlace<T>({ path, directory }: LogPlace, use: (path: string) => T): T {
  try {
    return directory === undefined ? use(path) : below(directory, path, use);
  } catch (error) {
    throw StatusError.from(error, `opening log "${path}"`);
  }
}

function below<T>(directory: string, path: string, use: (path: string) => T): T {
  const names = relative(directory, dirname(path)).split("/").filter(Boolean);
  if (names.includes("..")) throw new StatusError(Code.InvalidArgument, `it is not in "${directory}"`);
  makeDirectories(directory);
  let fd = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const next = enter(`/proc/self/fd/${fd}/${name}`);
      closeSync(fd);
      fd = next;
    }
    return use(`/proc/self/fd/${fd}/${basename(path)}`);
  } finally {
    closeSync(fd);
  }
}

/** Makes a directory with the parents that it lacks. */
export function makeDirectories(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: directoryMode });
  if (first === undefined) return;
  // The umask took bits away.
  for (let made = path; made.length >= first.length; made = dirname(made)) chmodSync(made, directoryMode);
}

function enter(path: string): number {
  const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  makeDirectories(path);
  return openSync(path, flags);
}
