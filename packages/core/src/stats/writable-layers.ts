import { StatusError } from "@crib/errdefs";

import type { Snapshots } from "../snapshots/types.ts";
import type { WritableLayerUsage } from "./types.ts";

/** Milliseconds for which a figure is given again, and how much longer it is than it took to measure. */
const keptMs = 10_000;
const restFactor = 20;
/** Milliseconds that a caller waits for the first measurement; one that takes longer is given at the next call. */
const firstMs = 500;
/** Milliseconds for one measurement. */
const budgetMs = 60_000;
/** Trees that are walked through at a time. */
const parallel = 2;

interface Entry {
  usage?: WritableLayerUsage;
  until: number;
  running?: Promise<void>;
}

/** What `createWritableLayers` is given. */
export interface WritableLayersOptions {
  readonly snapshots: Pick<Snapshots, "usage">;
  /** Directory that all snapshots are below; reported as where the bytes are. */
  readonly rootDir: string;
  readonly log: { debug(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/** Figures of what containers have written, measured in the background: trees may be large, and clients ask often. */
export class WritableLayers {
  readonly #options: WritableLayersOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(options: WritableLayersOptions) {
    this.#options = options;
  }

  /** The last figure, however old; at the first call it is waited for a little. Undefined where there is none yet. */
  async get(key: string): Promise<WritableLayerUsage | undefined> {
    const entry = this.#entries.get(key) ?? { until: 0 };
    this.#entries.set(key, entry);
    if (performance.now() >= entry.until) entry.running ??= this.#measure(key, entry);
    if (entry.usage === undefined && entry.running) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, firstMs);
      await Promise.race([entry.running, promise]);
      clearTimeout(timer);
    }
    return entry.usage;
  }

  /** Drops the figures of snapshots that are gone. */
  keep(isKnown: (key: string) => boolean): void {
    for (const key of this.#entries.keys()) if (!isKnown(key)) this.#entries.delete(key);
  }

  #measure(key: string, entry: Entry): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push(async () => {
      const begun = performance.now();
      try {
        const { bytes, inodes } = await this.#options.snapshots.usage(key, AbortSignal.timeout(budgetMs));
        const mountpoint = this.#options.rootDir;
        entry.usage = { timestamp: new Date(), mountpoint, usedBytes: BigInt(bytes), inodesUsed: BigInt(inodes) };
      } catch (reason) {
        // Gone with its container, most often; the next call tries again.
        this.#options.log.debug(
          { key, error: StatusError.from(reason).message },
          "a writable layer cannot be measured",
        );
      }
      const now = performance.now();
      entry.until = now + Math.max(keptMs, restFactor * (now - begun));
      delete entry.running;
      resolve();
    });
    this.#next();
    return promise;
  }

  #next(): void {
    while (this.#running < parallel) {
      const work = this.#queue.shift();
      if (work === undefined) return;
      this.#running += 1;
      void work().finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }
}
