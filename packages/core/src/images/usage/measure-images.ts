import { Code, hasCode } from "@crib/errdefs";

import type { ContentStore } from "../../content/types.ts";
import type { DiskUsage, Snapshots } from "../../snapshots/types.ts";

/** File systems give out whole blocks. */
const blockBytes = 4096;

/** What the blobs and all snapshots take together. Snapshots that go while they are measured count as nothing. */
export async function measureImages(
  { content, snapshots }: { readonly content: ContentStore; readonly snapshots: Snapshots },
  signal: AbortSignal,
): Promise<DiskUsage> {
  const blobs = await content.list();
  let bytes = 0;
  let inodes = blobs.length;
  for (const { size } of blobs) bytes += Math.ceil(size / blockBytes) * blockBytes;
  for (const { key, usage } of snapshots.list()) {
    const taken = usage ?? (await usageOf(snapshots, key, signal));
    bytes += taken.bytes;
    inodes += taken.inodes;
  }
  return { bytes, inodes };
}

async function usageOf(snapshots: Snapshots, key: string, signal: AbortSignal): Promise<DiskUsage> {
  try {
    return await snapshots.usage(key, signal);
  } catch (reason) {
    if (hasCode(reason, Code.NotFound)) return { bytes: 0, inodes: 0 };
    throw reason;
  }
}
