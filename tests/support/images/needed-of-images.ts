import type { TestImage } from "./image.ts";
import { sha256 } from "./layer.ts";

/** What a store must have for images and nothing else, worked out from their manifests. */
export interface Needed {
  /** Digests of blobs, sorted. */
  readonly blobs: readonly string[];
  /** Chain ids of layers, sorted (OCI image specification, "Layer ChainID"). */
  readonly layers: readonly string[];
}

/** For images of this machine's platform that were all pulled by what their tags name. */
export function neededOfImages(images: readonly TestImage[]): Needed {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  for (const image of images) {
    for (const { digest } of [image.top, ...image.manifests]) blobs.add(digest);
    for (const digest of image.blobs.keys()) blobs.add(digest);
    let chainId: string | undefined;
    for (const diffId of diffIdsOf(image)) {
      chainId = chainId === undefined ? diffId : sha256(Buffer.from(`${chainId} ${diffId}`));
      layers.add(chainId);
    }
  }
  return { blobs: [...blobs].toSorted(), layers: [...layers].toSorted() };
}

function diffIdsOf({ id, blobs }: TestImage): readonly string[] {
  const config = blobs.get(id)?.toString() ?? "{}";
  return (JSON.parse(config) as { readonly rootfs: { readonly diff_ids: readonly string[] } }).rootfs.diff_ids;
}
