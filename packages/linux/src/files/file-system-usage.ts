import { statfs as statfsOf } from "node:fs/promises";

import { attemptAsync } from "../libc/errno-error.ts";

/** Room of a file system. */
export interface FileSystemUsage {
  readonly totalBytes: bigint;
  readonly usedBytes: bigint;
  /** What an unprivileged process may still use. */
  readonly availableBytes: bigint;
  /** 0 where the file system does not count them. */
  readonly totalInodes: bigint;
  readonly usedInodes: bigint;
  /** Magic number of its kind, statfs(2). */
  readonly type: bigint;
}

/** Gives the room of the file system that a path is on. */
export async function statfs(path: string): Promise<FileSystemUsage> {
  const stats = await attemptAsync(`examining the file system of "${path}"`, () => statfsOf(path, { bigint: true }));
  return {
    totalBytes: stats.blocks * stats.bsize,
    usedBytes: (stats.blocks - stats.bfree) * stats.bsize,
    availableBytes: stats.bavail * stats.bsize,
    totalInodes: stats.files,
    usedInodes: stats.files - stats.ffree,
    type: stats.type,
  };
}
