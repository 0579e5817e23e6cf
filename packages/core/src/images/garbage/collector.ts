import type { Digest } from "@crib/oci-spec";

import { waitFor } from "../../flow/budget.ts";
import type { Collected } from "../types.ts";
import type { AbandonedClaims } from "./abandoned-claims.ts";
import { type RemovalDeps, removeBlobs, removeLayers } from "./removals.ts";

/** What a collector is made of. */
export interface CollectorOptions extends RemovalDeps {
  readonly abandoned: AbandonedClaims;
  /** Milliseconds for which partial files are kept. */
  readonly keepPartialMs: number;
  /** Told of a collection in the background that failed; the next one tries again. */
  readonly failed: (reason: unknown) => void;
}

/** How thorough a collection is. */
export interface CollectOptions {
  /** Takes what failed pulls left too, however young. Default false. */
  readonly abandonedToo?: boolean;
}

/** Removes what nothing leads to, one collection at a time. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #soon: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Collects when the one that runs has ended. `signal` ends it, or the wait for it; what it has removed by then is gone. */
  collect(options: CollectOptions, signal: AbortSignal): Promise<Collected> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const turn = this.#inTurn(this.#last, options, either);
    this.#last = turn.catch(() => {});
    return waitFor(turn, either);
  }

  /** Has a collection run in the background soon, and one more when what is kept for a while has become old. */
  request(): void {
    if (this.#closing.signal.aborted) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#collectQuietly();
    }, 0).unref();
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#collectQuietly(), this.#options.keepPartialMs + 1_000).unref();
  }

  /** Ends what runs and waits for it. */
  async close(): Promise<void> {
    clearTimeout(this.#soon);
    clearTimeout(this.#later);
    this.#closing.abort();
    await this.#last;
  }

  #collectQuietly(): void {
    this.collect({}, this.#closing.signal).catch((reason: unknown) => {
      if (!this.#closing.signal.aborted) this.#options.failed(reason);
    });
  }

  async #inTurn(before: Promise<unknown>, options: CollectOptions, signal: AbortSignal): Promise<Collected> {
    await before;
    signal.throwIfAborted();
    return await this.#collect(options, signal);
  }

  async #collect({ abandonedToo = false }: CollectOptions, signal: AbortSignal): Promise<Collected> {
    const { content, snapshots, roots, abandoned, keepPartialMs } = this.#options;
    if (abandonedToo) abandoned.clear();
    const liveLayers = roots.layers();
    const layers = snapshots.list().filter(({ kind, key }) => kind === "layer" && !liveLayers.has(key as Digest));
    const removedLayers = await removeLayers(
      this.#options,
      layers.map(({ key }) => key as Digest),
      signal,
    );
    const liveBlobs = roots.blobs();
    const blobs = (await content.list()).filter(({ digest }) => !liveBlobs.has(digest));
    const removedBlobs = new Set(
      await removeBlobs(
        this.#options,
        blobs.map(({ digest }) => digest),
        signal,
      ),
    );
    const partialBytes = await this.#bytesOfPartials();
    const partials = await content.dropPartials(abandonedToo ? 0 : keepPartialMs);
    const dropped = Math.max(0, partialBytes - (await this.#bytesOfPartials()));
    await snapshots.sweep(signal);
    const bytes = blobs.reduce((total, { digest, size }) => total + (removedBlobs.has(digest) ? size : 0), dropped);
    return { blobs: removedBlobs.size, bytes, snapshots: removedLayers, partials };
  }

  async #bytesOfPartials(): Promise<number> {
    return (await this.#options.content.listPartials()).reduce((total, { size }) => total + size, 0);
  }
}
