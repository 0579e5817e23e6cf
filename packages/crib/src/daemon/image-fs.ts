import type { Images } from "@crib/core";
import type { ImageFsUsage } from "@crib/cri";

/** Milliseconds for which a measurement is given again, at least and at most. */
const keptMs = { min: 1_000, max: 60_000 };
/** How much longer it is given again than it took: writable layers are walked through, and clients ask often. */
const restFactor = 20;
/** Milliseconds for one measurement; whoever asks may give up earlier. */
const budgetMs = 60_000;

/**
 * Reads what images, snapshots and blobs take below `root`. Containers write to the same file system and are counted with
 * it, so both have the same figures and the same mount point. Calls at about the same time share one measurement; one that
 * failed is not kept.
 */
export function createImageFs(
  images: Pick<Images, "usage">,
  root: string,
): (signal: AbortSignal) => Promise<ImageFsUsage> {
  let kept: { readonly usage: Promise<ImageFsUsage>; readonly until: number } | undefined;
  const measure = async (): Promise<ImageFsUsage> => {
    const { bytes, inodes } = await images.usage(AbortSignal.timeout(budgetMs));
    const both = { measuredAt: new Date(), mountpoint: root, usedBytes: BigInt(bytes), inodesUsed: BigInt(inodes) };
    return { images: both, containers: both };
  };
  const start = (): Promise<ImageFsUsage> => {
    const begun = performance.now();
    const usage = measure();
    kept = { usage, until: Number.POSITIVE_INFINITY };
    const keep = (): void => {
      const now = performance.now();
      const rest = Math.max(keptMs.min, Math.min(keptMs.max, restFactor * (now - begun)));
      kept = { usage, until: now + rest };
    };
    usage.then(keep, () => (kept = undefined));
    return usage;
  };
  return async (signal) => {
    signal.throwIfAborted();
    const usage = kept && performance.now() < kept.until ? kept.usage : start();
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([usage, promise]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  };
}
