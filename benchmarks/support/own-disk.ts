import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { runProgram } from "./run-program.ts";

/** A file system that nobody else writes to. */
export interface OwnDisk extends AsyncDisposable {
  /** Where it is mounted. */
  readonly dir: string;
  /** Bytes in use. */
  usedBytes(): number;
}

/** Milliseconds for mkfs, mount and umount. */
const programMs = 60_000;

/**
 * Makes an ext4 with the defaults of mkfs in a sparse file, so that what others have just written or deleted on the machine's
 * disk does not count: ext4 without a journal, for one, is slow to create files for minutes after many were deleted.
 */
export async function makeDisk(parent: string, bytes: number): Promise<OwnDisk> {
  const dir = join(parent, "disk");
  const image = join(parent, "disk.img");
  mkdirSync(dir);
  writeFileSync(image, "");
  truncateSync(image, bytes);
  await runProgram("mkfs.ext4", ["-q", "-F", image], { timeoutMs: programMs });
  await runProgram("mount", ["-o", "loop", image, dir], { timeoutMs: programMs });
  return {
    dir,
    usedBytes(): number {
      const { blocks, bfree, bsize } = statfsSync(dir);
      return (blocks - bfree) * bsize;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await runProgram("umount", [dir], { timeoutMs: programMs });
      rmSync(image);
    },
  };
}
