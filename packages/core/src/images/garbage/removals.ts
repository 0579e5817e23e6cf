import { Code, hasCode } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ContentStore } from "../../content/types.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { Deletions } from "./deletions.ts";
import type { Roots } from "./roots.ts";

/** What removing garbage needs. */
export interface RemovalDeps {
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly deletions: Deletions;
  readonly roots: Roots;
}

/**
 * Removes those of the blobs that nothing leads to. Each one is looked at again right before it goes, in one turn with the
 * decision, so that a pull that claims it meanwhile keeps it or waits for its end. Gives those that went.
 */
export async function removeBlobs(
  { content, deletions, roots }: RemovalDeps,
  candidates: readonly Digest[],
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const removed: Digest[] = [];
  for (const digest of candidates) {
    signal.throwIfAborted();
    if (roots.blobs().has(digest)) continue;
    await deletions.run(digest, () => content.delete(digest));
    removed.push(digest);
  }
  return removed;
}

/**
 * Removes those of the layers that nothing leads to, none before those that stand on it. Gives how many went. `signal` ends it, between
 * two layers where one that has begun to go has a signal of its own, `midway`.
 */
export async function removeLayers(
  { snapshots, deletions, roots }: RemovalDeps,
  candidates: readonly Digest[],
  signal: AbortSignal,
  midway: AbortSignal = signal,
): Promise<number> {
  let removed = 0;
  for (const chainId of leafFirst(snapshots, candidates)) {
    signal.throwIfAborted();
    if (roots.layers().has(chainId) || !snapshots.find(chainId)) continue;
    try {
      await deletions.run(chainId, () => snapshots.remove(chainId, midway));
      removed++;
    } catch (reason) {
      // A layer that was kept, or came, meanwhile stands on it.
      if (!hasCode(reason, Code.FailedPrecondition)) throw reason;
    }
  }
  return removed;
}

function leafFirst(snapshots: Snapshots, keys: readonly Digest[]): readonly Digest[] {
  const heights = new Map<string, number>();
  const heightOf = (key: string): number => {
    const path: string[] = [];
    let at: string | undefined = key;
    while (at !== undefined && !heights.has(at)) {
      path.push(at);
      at = snapshots.find(at)?.parent;
    }
    let height = at === undefined ? 0 : (heights.get(at) ?? 0);
    for (const below of path.toReversed()) heights.set(below, ++height);
    return heights.get(key) ?? 0;
  };
  return keys.toSorted((a, b) => heightOf(b) - heightOf(a));
}
