import type { Digest } from "@crib/oci-spec";

import { waitFor } from "../../flow/budget.ts";
import type { Retries } from "../../flow/retries.ts";
import type { Database } from "../../metadata/database.ts";
import type { Collected } from "../types.ts";
import type { AbandonedClaims } from "./abandoned-claims.ts";
import { type RemovalDeps, removeBlobs, removeLayers } from "./removals.ts";

/** What a collector is made of. */
export interface CollectorOptions extends RemovalDeps {
  readonly database: Pick<Database, "reserve">;
  readonly abandoned: AbandonedClaims;
  /** Milliseconds for which partial files are kept. */
  readonly keepPartialMs: number;
  readonly retries: Retries;
  /** Told of a collection in the background that failed; it is tried again. */
  readonly failed: (reason: unknown) => void;
}

/** Milliseconds that the removal of a layer may still take when the daemon ends. */
const endMs = 5_000;

/** How thorough a collection is. */
export interface CollectOptions {
  /** Takes what failed pulls left too, however young. Default false. */
  readonly abandonedToo?: boolean;
}

interface Removed {
  readonly count: number;
  readonly bytes: number;
}

/** Removes what nothing leads to, one collection at a time. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #closing = new AbortController();
  readonly #ending = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #soon: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  /** How often those in the background have failed in a row. */
  #attempts = 0;

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
      void this.#collectQuietly();
    }, 0).unref();
    clearTimeout(this.#later);
    this.#later = setTimeout(() => void this.#collectQuietly(), this.#options.keepPartialMs + 1_000).unref();
  }

  /** Ends what runs and waits for it: a layer that has begun to go has no row any more, so its rest is given a while to go too. */
  async close(): Promise<void> {
    clearTimeout(this.#soon);
    clearTimeout(this.#later);
    this.#closing.abort();
    const late = setTimeout(() => this.#ending.abort(), endMs);
    await this.#last;
    clearTimeout(late);
  }

  async #collectQuietly(): Promise<void> {
    const { failed, retries } = this.#options;
    try {
      await this.collect({}, this.#closing.signal);
      this.#attempts = 0;
    } catch (reason) {
      if (this.#closing.signal.aborted) return;
      failed(reason);
      retries.schedule("collection of image garbage", ++this.#attempts, () => this.#collectQuietly());
    }
  }

  async #inTurn(before: Promise<unknown>, options: CollectOptions, signal: AbortSignal): Promise<Collected> {
    await before;
    signal.throwIfAborted();
    return await this.#collect(options, signal);
  }

  /**
   * What needs no row to be written goes first: on a full disk that makes the room to write the others. A part that fails keeps none of
   * the others from being done.
   */
  async #collect({ abandonedToo = false }: CollectOptions, signal: AbortSignal): Promise<Collected> {
    const { snapshots, abandoned, keepPartialMs, database } = this.#options;
    if (abandonedToo) abandoned.clear();
    const failures: unknown[] = [];
    const attempt = async <T>(part: Promise<T>, otherwise: T): Promise<T> => {
      try {
        return await part;
      } catch (reason) {
        failures.push(reason);
        return otherwise;
      }
    };
    const nothing = { count: 0, bytes: 0 };
    const partials = await attempt(this.#dropPartials(abandonedToo ? 0 : keepPartialMs), nothing);
    const blobs = await attempt(this.#removeBlobs(signal), nothing);
    const layers = await attempt(this.#removeLayers(signal), 0);
    await attempt(snapshots.sweep(signal), 0);
    if (failures.length > 0) throw failures[0];
    await database.reserve.restore();
    return {
      blobs: blobs.count,
      bytes: blobs.bytes + partials.bytes,
      snapshots: layers,
      partials: partials.count,
    };
  }

  async #removeBlobs(signal: AbortSignal): Promise<Removed> {
    const { content, roots } = this.#options;
    const live = roots.blobs();
    const blobs = (await content.list()).filter(({ digest }) => !live.has(digest));
    const removed = new Set(
      await removeBlobs(
        this.#options,
        blobs.map(({ digest }) => digest),
        signal,
      ),
    );
    const bytes = blobs.reduce((total, { digest, size }) => total + (removed.has(digest) ? size : 0), 0);
    return { count: removed.size, bytes };
  }

  #removeLayers(signal: AbortSignal): Promise<number> {
    const { snapshots, roots } = this.#options;
    const live = roots.layers();
    const layers = snapshots.list().filter(({ kind, key }) => kind === "layer" && !live.has(key as Digest));
    return removeLayers(
      this.#options,
      layers.map(({ key }) => key as Digest),
      signal,
      this.#ending.signal,
    );
  }

  async #dropPartials(olderThanMs: number): Promise<Removed> {
    const { content } = this.#options;
    const before = await this.#bytesOfPartials();
    const count = await content.dropPartials(olderThanMs);
    return { count, bytes: Math.max(0, before - (await this.#bytesOfPartials())) };
  }

  async #bytesOfPartials(): Promise<number> {
    return (await this.#options.content.listPartials()).reduce((total, { size }) => total + size, 0);
  }
}
