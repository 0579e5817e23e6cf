import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

/** The entries of a directory, sorted by name; none when it does not exist. */
export async function listDir(path: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (reason) {
    // ENODEV: a cgroup that was removed while it was open.
    if (["ENOENT", "ENODEV"].includes((reason as NodeJS.ErrnoException).code ?? "")) return [];
    throw StatusError.from(reason, `listing "${path}"`);
  }
}
