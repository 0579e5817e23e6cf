import { chownSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { makeFifo } from "@crib/linux";

import type { StdioPaths } from "./types.ts";

/** Which streams there are, in which directory. */
export interface FifoChoice {
  readonly dir: string;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Who owns the FIFOs; default: this process's user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** The paths that FIFOs have; empty where there is none. */
export function fifoPaths({ dir, ...choice }: FifoChoice): StdioPaths {
  const path = (name: "stdin" | "stdout" | "stderr"): string => (choice[name] ? join(dir, name) : "");
  return { stdin: path("stdin"), stdout: path("stdout"), stderr: path("stderr") };
}

/** Makes FIFOs (0600) and their directory (0700). What an attempt before left there is replaced. Leaves nothing when it fails. */
export function makeFifos(choice: FifoChoice): StdioPaths {
  const paths = fifoPaths(choice);
  try {
    mkdirSync(choice.dir, { recursive: true, mode: 0o700 });
    for (const path of Object.values(paths)) {
      if (path === "") continue;
      rmSync(path, { force: true });
      makeFifo(path, 0o600);
      if (choice.owner !== undefined) chownSync(path, choice.owner.uid, choice.owner.gid);
    }
  } catch (error) {
    removeFifos(choice);
    throw StatusError.from(error, `making FIFOs in "${choice.dir}"`);
  }
  return paths;
}

/** Removes FIFOs, and their directory when nothing else is in it. Idempotent. */
export function removeFifos(choice: FifoChoice): void {
  for (const path of Object.values(fifoPaths(choice))) if (path !== "") rmSync(path, { force: true });
  try {
    rmdirSync(choice.dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw StatusError.from(error, `removing FIFOs in "${choice.dir}"`);
  }
}
