import { existsSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { dirname } from "node:path";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectories } from "./cgroup-path.ts";

/**
 * A cgroup and those above it that are in no tree, deepest first: what making it would make. Synchronous; one look where
 * the cgroup exists.
 */
export function missingCgroups(path: string): readonly string[] {
  const missing: string[] = [];
  for (let at = path; at !== "/"; at = dirname(at)) {
    if (cgroupDirectories(at).some((directory) => existsSync(directory))) break;
    missing.push(at);
  }
  return missing;
}

/** Removes a cgroup from every tree in which nothing is in it, and leaves it in the others. A missing one succeeds. */
export async function removeEmptyCgroup(path: string): Promise<void> {
  for (const directory of cgroupDirectories(path)) {
    try {
      await rmdir(directory);
    } catch (error) {
      if (["ENOENT", "EBUSY", "ENOTEMPTY"].includes(errnoName(error) ?? "")) continue;
      throw StatusError.from(error, `removing cgroup "${directory}"`);
    }
  }
}
