import { chmod, chown, mkdir, rename, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

import { mapOwner } from "./id-mappings.ts";
import type { IdMappings } from "./types.ts";
import { waitForAll } from "./wait-for-all.ts";

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw reason;
  }
}

/** Makes a directory (0700), or takes one that an attempt before left. */
async function makeOwned(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chown(path, uid, gid);
}

/**
 * Makes `fs` and `work` in a snapshot's directory. The upper directory is what is seen as the root directory, so it gets the mode, owner
 * and times of that of the layer below. Idempotent: `fs` appears complete, and one that is there, which a container may have changed,
 * is left alone.
 */
export async function makeWritable(
  directory: string,
  layerBelow: string,
  idMappings: IdMappings | undefined,
): Promise<void> {
  const [files, work, draft] = ["fs", "work", "fs.new"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  try {
    const [isThere, below] = await Promise.all([exists(files), stat(layerBelow)]);
    if (isThere) return;
    const makeDraft = async (): Promise<void> => {
      await makeOwned(draft, mapOwner(below, idMappings));
      await chmod(draft, below.mode & 0o7777);
      await utimes(draft, below.atime, below.mtime);
    };
    await waitForAll([makeOwned(work, mapOwner({ uid: 0, gid: 0 }, idMappings)), makeDraft()]);
    await rename(draft, files);
  } catch (reason) {
    throw StatusError.from(reason, `making the writable layer in "${directory}"`);
  }
}
