import type { Digest } from "@crib/oci-spec";

import type { RecordTable } from "../../metadata/record-table.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { Collector } from "../garbage/collector.ts";
import { type RemovalDeps, removeLayers } from "../garbage/removals.ts";
import type { PullLife } from "../pull/pull-life.ts";
import type { PullRecord } from "../pull/types.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { RemovalLife } from "../remove/removal-life.ts";

/** What recovery works with. */
export interface RecoveryOptions {
  readonly images: ImageStore;
  readonly pulls: RecordTable<PullRecord>;
  readonly snapshots: Snapshots;
  readonly life: PullLife;
  readonly removals: RemovalLife;
  readonly removal: RemovalDeps;
  readonly collector: Collector;
  readonly unsynced: Set<Digest>;
  /** Makes images whole that have lost layers. */
  readonly rebuild: (signal: AbortSignal) => Promise<void>;
}

/** What a daemon does about what an earlier one left. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #closing = new AbortController();
  #rebuilding: Promise<void> | undefined;
  readonly #cleared = Promise.withResolvers<void>();

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#cleared.promise.catch(() => {}); // whoever waits for it sees the failure
  }

  /** Settles when pulls may begin: nothing half-made stands in their way. */
  get cleared(): Promise<void> {
    return this.#cleared.promise;
  }

  async run(): Promise<void> {
    const { images, collector, removals } = this.#options;
    try {
      await this.#clear();
      this.#cleared.resolve();
    } catch (reason) {
      this.#cleared.reject(reason);
      throw reason;
    }
    await Promise.all(images.list().map(({ id }) => images.copy(id)));
    for (const { id, state } of images.list()) if (state === "removing") void removals.heal(id);
    collector.request();
    this.#rebuilding = this.#options.rebuild(this.#closing.signal);
  }

  /** Ends what goes on in the background. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#rebuilding;
  }

  async #clear(): Promise<void> {
    const { pulls, life, snapshots, removal, unsynced } = this.#options;
    await Promise.all(pulls.list().map(({ id }) => life.heal(id)));
    // After a power cut a layer that was not synced may have empty files in it. One that an image stands on was; one that a
    // pull of this boot had is still in the kernel's memory and is synced with the next image; the others go.
    const layers = snapshots.list().flatMap(({ kind, key }) => (kind === "layer" ? [key as Digest] : []));
    await removeLayers(removal, layers, new AbortController().signal);
    const standing = new Set(
      this.#options.images.list().flatMap((image) => image.layers.map(({ chainId }) => chainId)),
    );
    for (const chainId of layers) {
      if (!standing.has(chainId) && snapshots.find(chainId)) unsynced.add(chainId);
    }
  }
}
