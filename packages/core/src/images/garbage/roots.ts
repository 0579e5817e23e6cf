import type { Digest } from "@crib/oci-spec";

import type { RecordTable } from "../../metadata/record-table.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { PullFacts, PullRecord } from "../pull/types.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { ImageRecord } from "../types.ts";
import type { AbandonedClaims } from "./abandoned-claims.ts";
import type { Holds } from "./holds.ts";

/** From where everything that is kept is led to. */
export interface RootsOptions {
  readonly images: ImageStore;
  readonly pulls: RecordTable<PullRecord>;
  readonly snapshots: Snapshots;
  readonly abandoned: AbandonedClaims;
  readonly holds: Holds;
}

/**
 * Says what is kept: what ready images and rows of pulls name, what failed pulls named a short while ago, what an import or export
 * holds, and the layers that snapshots with owners stand on.
 */
export class Roots {
  readonly #options: RootsOptions;

  constructor(options: RootsOptions) {
    this.#options = options;
  }

  /** All blobs that are kept. */
  blobs(): ReadonlySet<Digest> {
    const { holds } = this.#options;
    const live = new Set<Digest>(holds.list());
    for (const image of this.#images()) for (const digest of blobsOfImage(image)) live.add(digest);
    for (const facts of this.#claims()) for (const digest of blobsOfFacts(facts)) live.add(digest);
    return live;
  }

  /** Chain ids of all layers that are kept. */
  layers(): ReadonlySet<Digest> {
    const { snapshots } = this.#options;
    const live = new Set<Digest>();
    for (const { layers } of this.#images()) for (const { chainId } of layers) live.add(chainId);
    for (const { layers } of this.#claims()) for (const { chainId } of layers ?? []) live.add(chainId);
    for (const { kind, parent } of snapshots.list()) {
      if (kind === "layer") continue;
      let key = parent;
      while (key !== undefined && !live.has(key as Digest)) {
        live.add(key as Digest);
        key = snapshots.find(key)?.parent;
      }
    }
    return live;
  }

  #images(): readonly ImageRecord[] {
    return this.#options.images.list().filter(({ state }) => state === "ready");
  }

  #claims(): readonly Partial<PullFacts>[] {
    const { pulls, abandoned } = this.#options;
    const running = pulls.list().filter(({ id }) => !abandoned.isGivenUp(id));
    return [...running.map(({ facts }) => facts), ...abandoned.list()];
  }
}

/** Every blob that an image needs. */
export function blobsOfImage({ id, manifest, targets, layers }: ImageRecord): readonly Digest[] {
  return [...new Set([id, manifest, ...targets, ...layers.map(({ digest }) => digest)])];
}

function blobsOfFacts({ documents = [], config, layers = [] }: Partial<PullFacts>): readonly Digest[] {
  return [...documents, ...(config ? [config] : []), ...layers].map(({ digest }) => digest);
}
