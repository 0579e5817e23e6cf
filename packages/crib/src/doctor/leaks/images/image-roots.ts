import type { ImageRow, ImageRows } from "./read-image-rows.ts";

/** What rows lead to. */
export interface ImageRoots {
  /** Digests of blobs. */
  readonly blobs: ReadonlySet<string>;
  /** Chain ids of layers. */
  readonly layers: ReadonlySet<string>;
}

/**
 * Follows images, pulls, and snapshots with an owner. An image that is being removed leads to its things while the daemon
 * runs: it is at it.
 */
export function imageRoots({ images, pulls, snapshots }: ImageRows, isRunning: boolean): ImageRoots {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  for (const image of images) {
    if (image.state !== "ready" && !isRunning) continue;
    for (const digest of blobsOf(image)) blobs.add(digest);
    for (const { chainId } of image.layers) layers.add(chainId);
  }
  for (const pull of pulls) {
    for (const digest of pull.blobs) blobs.add(digest);
    for (const chainId of pull.layers) layers.add(chainId);
  }
  const parents = new Map(snapshots.map(({ key, parent }) => [key, parent]));
  for (const { kind, parent } of snapshots) {
    if (kind === "layer") continue;
    for (let key = parent; key !== undefined && !layers.has(key); key = parents.get(key)) layers.add(key);
  }
  return { blobs, layers };
}

function blobsOf({ id, manifest, targets, layers }: ImageRow): readonly string[] {
  return [id, manifest, ...targets, ...layers.map(({ digest }) => digest)];
}
