import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** The file system below a path. */
export interface FileSystem {
  readonly freeBytes: number;
  readonly ffree: number;
  readonly files: number;
  readonly type: number;
  /** The nearest directory that exists. */
  readonly existing: string;
}

/** Looks at the file system that holds a path, or will hold it. */
export async function fileSystemOf(path: string): Promise<FileSystem> {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      const { bavail, bsize, ffree, files, type } = await statfs(existing);
      return { freeBytes: bavail * bsize, ffree, files, type, existing };
    } catch (reason) {
      // The daemon makes its directories; until then the file system of the nearest parent counts.
      if ((reason as NodeJS.ErrnoException).code !== "ENOENT" || existing === "/") throw reason;
    }
  }
}
