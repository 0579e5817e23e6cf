import { StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ContentStore } from "../../content/types.ts";
import type { Retries } from "../../flow/retries.ts";
import type { RecordTable } from "../../metadata/record-table.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { Collector } from "../garbage/collector.ts";
import { type RemovalDeps, removeLayers } from "../garbage/removals.ts";
import { blobsOfImage } from "../garbage/roots.ts";
import type { ImagesLog } from "../images-options.ts";
import type { PullLife } from "../pull/pull-life.ts";
import type { PullRecord } from "../pull/types.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { RemovalLife } from "../remove/removal-life.ts";

/** What recovery works with. */
export interface RecoveryOptions {
  readonly images: ImageStore;
  readonly pulls: RecordTable<PullRecord>;
  readonly snapshots: Snapshots;
  readonly content: ContentStore;
  readonly life: PullLife;
  readonly removals: RemovalLife;
  readonly removal: RemovalDeps;
  readonly collector: Collector;
  readonly unsynced: Set<Digest>;
  readonly retries: Retries;
  readonly log: ImagesLog;
  /** Makes images whole that have lost layers. */
  readonly rebuild: (signal: AbortSignal) => Promise<void>;
}

/** What a daemon does about what an earlier one left. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #begun = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  #rebuilding: Promise<void> | undefined;
  #clearing: Promise<void> | undefined;
  #isClear = false;
  #attempts = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /**
   * Settles when pulls may begin: nothing half-made stands in their way. Waits for `run`; what failed then is tried again, and
   * rejects with the reason when it fails again.
   */
  async cleared(): Promise<void> {
    await this.#begun.promise;
    if (!this.#isClear) await (this.#clearing ??= this.#clear());
  }

  /** Never rejects: what fails is logged and tried again. */
  async run(): Promise<void> {
    const { images, collector, removals } = this.#options;
    this.#begun.resolve();
    await this.#clearQuietly();
    await this.#copyAll();
    for (const { id, state } of images.list()) if (state === "removing") void removals.heal(id);
    collector.request();
    this.#rebuilding = this.#options.rebuild(this.#closing.signal);
  }

  /** Ends what goes on in the background. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#rebuilding;
  }

  async #clearQuietly(): Promise<void> {
    const { retries, log } = this.#options;
    try {
      await this.cleared();
    } catch (reason) {
      log.warn({ error: StatusError.from(reason).message }, "images cannot be recovered yet");
      retries.schedule("recovery of images", ++this.#attempts, () => this.#clearQuietly());
    }
  }

  /** Copies that are missing, as after a kill between a row and its copy. */
  async #copyAll(): Promise<void> {
    const { images, log } = this.#options;
    const outcomes = await Promise.allSettled(images.list().map(({ id }) => images.copy(id)));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") log.warn({ error: String(outcome.reason) }, "image has no copy of its record");
    }
  }

  async #clear(): Promise<void> {
    try {
      await this.#takeBack();
      this.#isClear = true;
    } finally {
      this.#clearing = undefined;
    }
  }

  async #takeBack(): Promise<void> {
    const { pulls, life, snapshots, content, removal, unsynced } = this.#options;
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
    const needed = new Set(this.#options.images.list().flatMap(blobsOfImage));
    for (const { digest } of await content.list()) if (!needed.has(digest)) content.unsynced.add(digest);
  }
}
