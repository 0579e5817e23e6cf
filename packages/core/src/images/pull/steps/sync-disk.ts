import { factOf } from "./session-of.ts";
import type { PullContext } from "./types.ts";

/** Sees to it that the disk holds the layers and blobs before an image stands on them, so that a power cut leaves no empty files in it. */
export async function syncDisk(context: PullContext): Promise<void> {
  const { deps, signal } = context;
  const { unsynced, content, sync } = deps;
  const layers = factOf(context, "layers");
  const blobs = [...factOf(context, "documents"), factOf(context, "config"), ...layers];
  const isWanted =
    layers.some(({ chainId }) => unsynced.has(chainId)) || blobs.some(({ digest }) => content.unsynced.has(digest));
  await context.midpoint();
  if (!isWanted || !sync) return;
  // Of what comes while it runs nobody knows whether it was in time.
  const before = { layers: [...unsynced], blobs: [...content.unsynced] };
  await sync(signal);
  for (const chainId of before.layers) unsynced.delete(chainId);
  for (const digest of before.blobs) content.unsynced.delete(digest);
}
