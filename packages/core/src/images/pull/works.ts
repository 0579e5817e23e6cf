import type { Digest } from "@crib/oci-spec";

import { type BlobDeps, BlobWork } from "./blob-work.ts";
import { type LayerDeps, LayerWork } from "./layer-work.ts";

/** The blobs and layers that pulls of this process work on, so that two that want the same do it once. */
export class Works {
  readonly #blobDeps: BlobDeps;
  readonly #layerDeps: LayerDeps;
  /** By digest and size, since a manifest may state a wrong size, which is nobody else's concern. */
  readonly #blobs = new Map<string, BlobWork>();
  readonly #layers = new Map<Digest, LayerWork>();

  constructor(blobDeps: BlobDeps, layerDeps: LayerDeps) {
    this.#blobDeps = blobDeps;
    this.#layerDeps = layerDeps;
  }

  blob(digest: Digest, size: number): BlobWork {
    const key = `${digest} ${size}`;
    const known = this.#blobs.get(key);
    if (known) return known;
    const work = new BlobWork(this.#blobDeps, digest, size, () => this.#blobs.delete(key));
    this.#blobs.set(key, work);
    return work;
  }

  layer(chainId: Digest): LayerWork {
    const known = this.#layers.get(chainId);
    if (known) return known;
    const work = new LayerWork(this.#layerDeps, chainId, () => this.#layers.delete(chainId));
    this.#layers.set(chainId, work);
    return work;
  }
}
