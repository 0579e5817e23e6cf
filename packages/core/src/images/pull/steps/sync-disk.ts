import { factOf } from "./session-of.ts";
import type { PullContext } from "./types.ts";

/** Sees to it that the disk holds the layers before an image stands on them, so that a power cut leaves no empty files in it. */
export async function syncDisk(context: PullContext): Promise<void> {
  const { deps, signal } = context;
  const wanted = factOf(context, "layers").filter(({ chainId }) => deps.unsynced.has(chainId));
  await context.midpoint();
  if (wanted.length === 0 || !deps.sync) return;
  // Of layers that are committed while it runs nobody knows whether they were in time.
  const before = [...deps.unsynced];
  await deps.sync(signal);
  for (const chainId of before) deps.unsynced.delete(chainId);
}
