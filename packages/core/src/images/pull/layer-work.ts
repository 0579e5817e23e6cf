import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { LayerDirectory } from "../../snapshots/types.ts";
import type { Deletions } from "../garbage/deletions.ts";
import type { ImageRecord } from "../types.ts";
import type { BlobWork, Fetcher } from "./blob-work.ts";
import { Places } from "./places.ts";
import type { LayerProgress } from "./pull-progress.ts";
import { type LayerInDirectory, unpackBlob, type UnpackDeps } from "./unpack-blob.ts";

/** What layers are made with. */
export interface LayerDeps extends UnpackDeps {
  readonly deletions: Deletions;
  /** Layers whose bytes the disk may not hold yet; each pull that uses one syncs before it is done. */
  readonly unsynced: Set<Digest>;
  /** Whether the blob of a layer that is there should be in the store: unless all images that have the layer have it from another. */
  readonly isWanted: (layer: LayerOfImage) => boolean;
  /** Told of a blob that was lost and does not come back now; its layer can be used all the same. */
  readonly stillLost: (blob: Digest, reason: unknown) => void;
}

/** A layer of an image, as its record has it. */
export type LayerOfImage = ImageRecord["layers"][number];

/** How the work on a layer goes on, told to whoever claims it. */
export type LayerState = Pick<LayerProgress, "state" | "downloaded" | "unpacked">;

/** What a pull brings along to make a layer. */
export interface LayerMaker {
  readonly layer: LayerOfImage;
  readonly blob: BlobWork;
  readonly fetcher: Fetcher;
  /** Called when the layer's directory is there. */
  readonly begun: () => void;
  /** Called when all bytes of the blob are here, or are not needed. */
  readonly fetched: () => void;
}

/** Times that a damaged blob is fetched again: once in place of a partial file of unknown origin, once from elsewhere. */
const refetches = 2;

/**
 * One layer, by its chain id, that pulls want. Whoever comes first fetches and unpacks it, for all; when that one fails or leaves,
 * the next who waits begins again with its own source.
 */
export class LayerWork {
  readonly chainId: Digest;
  readonly #deps: LayerDeps;
  readonly #forget: () => void;
  readonly #turn = new Places(1);
  readonly #watchers = new Set<(state: LayerState) => void>();
  #state: LayerState = { state: "waiting", downloaded: 0, unpacked: 0 };
  /** Directories that became no layer and could not be removed yet. */
  readonly #leftovers = new Set<LayerDirectory>();
  #unpacked: LayerInDirectory | undefined;

  constructor(deps: LayerDeps, chainId: Digest, forget: () => void) {
    this.#deps = deps;
    this.chainId = chainId;
    this.#forget = forget;
  }

  /** `watch` is told the present state at once, and each change. */
  claim(watch: (state: LayerState) => void): void {
    this.#watchers.add(watch);
    watch(this.#state);
  }

  /** Gives back a claim, once; with the last one a layer that has not been committed goes. May be called again when it failed. */
  async release(watch: (state: LayerState) => void): Promise<void> {
    this.#watchers.delete(watch);
    if (this.#watchers.size > 0) return;
    using _turn = await this.#turn.take(new AbortController().signal);
    // Somebody may have come meanwhile.
    if (this.#watchers.size > 0) return;
    if (this.#unpacked) this.#leftovers.add(this.#unpacked.directory);
    this.#unpacked = undefined;
    for (const directory of this.#leftovers) await this.#discard(directory);
    if (this.#watchers.size === 0) this.#forget();
  }

  /** Settles when the layer is a snapshot, or unpacked and ready to become one. */
  async make(maker: LayerMaker, signal: AbortSignal): Promise<void> {
    using _turn = await this.#turn.take(signal);
    const { size } = maker.layer;
    await this.#deps.deletions.settled(this.chainId);
    if (this.#deps.snapshots.find(this.chainId)) {
      if (this.#deps.isWanted(maker.layer)) await this.#fetchLost(maker, signal);
      if (this.#state.state !== "done") this.#tell({ state: "exists", downloaded: size, unpacked: size });
    } else if (!this.#unpacked) {
      this.#unpacked = await this.#unpack(maker, signal);
      this.#tell({ state: "done", downloaded: size, unpacked: size });
    }
    maker.fetched();
  }

  /** Records the unpacked layer as a snapshot on top of the layer `parent`. Nothing to do where it is one already. */
  async commit(parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    const { snapshots, unpacker, unsynced } = this.#deps;
    using _turn = await this.#turn.take(signal);
    if (snapshots.find(this.chainId)) return;
    if (!this.#unpacked) throw new StatusError(Code.Internal, `layer "${this.chainId}": it was not unpacked`);
    const { directory, layer } = this.#unpacked;
    const below = parent === undefined ? [] : snapshots.chain(parent);
    await unpacker.settle(directory.target, layer, below, signal);
    // What was linked or hidden below has become something of its own here.
    const hasGrown = layer.linksBelow.length > 0 || layer.hidesBelow === true;
    const usage = hasGrown ? await unpacker.usage(directory.target, signal) : layer.usage;
    unsynced.add(this.chainId);
    snapshots.commitLayer(directory, this.chainId, parent, usage);
    this.#unpacked = undefined;
  }

  /** A blob that an image needs and that was lost comes back, although its layer is there. */
  async #fetchLost({ blob, fetcher, layer }: LayerMaker, signal: AbortSignal): Promise<void> {
    const grew = (downloaded: number): void => this.#tell({ state: "downloading", downloaded, unpacked: layer.size });
    try {
      await blob.fetch(fetcher, { open: () => {}, grew }, signal);
      await blob.commit();
    } catch (reason) {
      if (signal.aborted || hasCode(reason, Code.ResourceExhausted)) throw reason;
      this.#deps.stillLost(layer.digest, reason);
    }
  }

  async #unpack(maker: LayerMaker, signal: AbortSignal): Promise<LayerInDirectory> {
    for (let left = refetches; ; left--) {
      try {
        const options = {
          ...this.#deps,
          ...maker,
          tell: (state: LayerState) => this.#tell(state),
          discard: (directory: LayerDirectory) => this.#discardLater(directory),
        };
        const unpacked = await unpackBlob(options, signal);
        maker.blob.verified();
        return unpacked;
      } catch (reason) {
        if (signal.aborted || left === 0 || !mayBeBlob(reason)) throw reason;
        if (!(await maker.blob.isDamaged(signal))) throw reason;
        await maker.blob.discard(signal);
        this.#tell({ state: "waiting", downloaded: 0, unpacked: 0 });
      }
    }
  }

  async #discard(directory: LayerDirectory): Promise<void> {
    await this.#deps.snapshots.discardLayerDirectory(directory);
    this.#leftovers.delete(directory);
  }

  /** A directory that cannot be removed now is no reason for the pull to fail; it is tried again at its end. */
  async #discardLater(directory: LayerDirectory): Promise<void> {
    this.#leftovers.add(directory);
    await this.#discard(directory).catch(() => {}); // kept above, and told then
  }

  #tell(state: LayerState): void {
    const { state: name, downloaded, unpacked } = this.#state;
    if (state.state === name && state.downloaded === downloaded && state.unpacked === unpacked) return;
    this.#state = state;
    for (const watch of this.#watchers) watch(state);
  }
}

/** Errors that a damaged blob can lead to. Limits, the disk and the caller are not among them. */
function mayBeBlob(reason: unknown): boolean {
  return hasCode(reason, Code.DataLoss) || hasCode(reason, Code.InvalidArgument);
}
