import { Code, hasCode } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ContentStore } from "../../content/types.ts";
import type { Deletions } from "../garbage/deletions.ts";
import { blobsOfImage } from "../garbage/roots.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { BlobVerdict } from "../types.ts";

/** What a check of the store works with. */
export interface VerifyDeps {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly deletions: Deletions;
}

/**
 * Hashes every blob, one after another, and says which images need it. With `repair` a damaged one is removed, so that the next pull
 * of its images fetches it again. Blobs that come and go meanwhile may or may not be among the results.
 */
export async function* verifyContent(
  deps: VerifyDeps,
  repair: boolean,
  signal: AbortSignal,
): AsyncGenerator<BlobVerdict> {
  const { content, deletions } = deps;
  const blobs = (await content.list()).toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const there = new Set(blobs.map(({ digest }) => digest));
  for (const { digest, size } of blobs) {
    signal.throwIfAborted();
    let isSound: boolean;
    try {
      isSound = await content.verify(digest, signal);
    } catch (reason) {
      if (!hasCode(reason, Code.NotFound)) throw reason;
      continue; // it was removed meanwhile
    }
    if (!isSound && repair) await deletions.run(digest, () => content.delete(digest));
    yield { digest, size, state: isSound ? "sound" : "damaged", images: needing(deps.images, digest) };
  }
  for (const [digest, size] of missing(deps.images, there)) {
    yield { digest, size, state: "missing", images: needing(deps.images, digest) };
  }
}

function needing(images: ImageStore, digest: Digest): readonly Digest[] {
  return images
    .list()
    .filter((image) => image.state === "ready" && blobsOfImage(image).includes(digest))
    .map(({ id }) => id)
    .toSorted();
}

/** Blobs that images need and that are not there. A layer that came with another image, in another compression, was never fetched. */
function missing(images: ImageStore, there: ReadonlySet<Digest>): ReadonlyMap<Digest, number> {
  const ready = images.list().filter(({ state }) => state === "ready");
  const layers = ready.flatMap((image) => image.layers);
  const held = new Set(layers.flatMap(({ digest, chainId }) => (there.has(digest) ? [chainId] : [])));
  const lost = new Map<Digest, number>();
  for (const image of ready) {
    for (const digest of blobsOfImage(image)) {
      const layer = image.layers.find((each) => each.digest === digest);
      if (there.has(digest) || (layer && held.has(layer.chainId))) continue;
      lost.set(digest, layer?.size ?? 0);
    }
  }
  return lost;
}
