import type { Digest } from "@crib/oci-spec";

import type { BlobWork, Fetcher } from "./blob-work.ts";
import type { LayerOfImage, LayerState, LayerWork } from "./layer-work.ts";
import type { PullProgress } from "./pull-progress.ts";
import type { Works } from "./works.ts";

/** What the claims of one pull share. */
export interface ClaimOwner {
  readonly works: Works;
  readonly fetcher: Fetcher;
  readonly progress: PullProgress;
  /** Called when the directory of a layer is there. */
  readonly begun: () => void;
  /** Called when something moved. */
  readonly moved: (claim: LayerClaim) => void;
}

/** What one pull wants of one layer. While it is held, the layer and its blob are kept for the pull. */
export class LayerClaim {
  readonly layer: LayerOfImage;
  /** Bytes of the blob that are there. */
  downloaded = 0;
  /** Settles when the bytes are all here, or are not needed. */
  readonly fetched: Promise<void>;
  /** Settles when the layer is there or ready to be committed; nothing of this claim runs any more when it rejects. */
  made: Promise<void> | undefined;
  readonly #owner: ClaimOwner;
  readonly #work: LayerWork;
  readonly #blob: BlobWork;
  #isBlobHeld = true;
  readonly #fetched = Promise.withResolvers<void>();

  constructor(owner: ClaimOwner, layer: LayerOfImage) {
    this.layer = layer;
    this.#owner = owner;
    this.#work = owner.works.layer(layer.chainId);
    this.#blob = owner.works.blob(layer.digest, layer.size);
    this.fetched = this.#fetched.promise;
    this.fetched.catch(() => {}); // whoever waits for it sees the failure
    this.#blob.claim();
    this.#work.claim(this.#watch);
  }

  /** Begins, or waits for another pull that has begun. */
  make(signal: AbortSignal): Promise<void> {
    const { fetcher, begun } = this.#owner;
    const made = this.#work.make(
      { layer: this.layer, blob: this.#blob, fetcher, begun, fetched: () => this.#fetched.resolve() },
      signal,
    );
    made.catch((reason: unknown) => this.#fetched.reject(reason));
    this.made = made;
    return made;
  }

  /** Moves the blob into the store. */
  keepBlob(): Promise<void> {
    return this.#blob.commit();
  }

  commit(parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    return this.#work.commit(parent, signal);
  }

  /** Lets go of both; what nobody else wants goes. To be called when `made` has settled, and again when it failed. */
  async release(): Promise<void> {
    const isHeld = this.#isBlobHeld;
    this.#isBlobHeld = false;
    if (isHeld) await this.#blob.release();
    await this.#work.release(this.#watch);
  }

  readonly #watch = (state: LayerState): void => {
    const { digest, size } = this.layer;
    this.downloaded = state.downloaded;
    this.#owner.progress.layer({ digest, size, ...state });
    this.#owner.moved(this);
  };
}
