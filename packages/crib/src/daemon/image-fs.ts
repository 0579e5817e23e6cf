import { statfs } from "node:fs/promises";

import type { FilesystemUsage } from "@crib/cri";

/** Usage of the file system below `dir`. No images are kept yet, so this is all that can be said of them. */
export async function readImageFs(dir: string): Promise<FilesystemUsage> {
  const { bsize, blocks, bfree, files, ffree } = await statfs(dir, { bigint: true });
  return { mountpoint: dir, usedBytes: (blocks - bfree) * bsize, inodesUsed: files - ffree };
}
