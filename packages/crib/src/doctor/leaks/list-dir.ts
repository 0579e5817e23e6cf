import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

/** The entries of a directory, sorted by name; none when it does not exist. */
export async function listDir(path: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw StatusError.from(reason, `listing "${path}"`);
  }
}
