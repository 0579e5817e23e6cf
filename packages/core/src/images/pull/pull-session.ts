import { Code, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ImageSource } from "../sources/image-source.ts";
import type { Fetcher } from "./blob-work.ts";
import { LayerClaim } from "./layer-claim.ts";
import type { LayerOfImage } from "./layer-work.ts";
import type { Places } from "./places.ts";
import type { PullProgress } from "./pull-progress.ts";
import { TransferWatch } from "./transfer-watch.ts";
import type { Works } from "./works.ts";

/** What a session is made of. */
export interface PullSessionOptions {
  readonly source: ImageSource;
  readonly places: Places;
  readonly works: Works;
  readonly progress: PullProgress;
  /** Milliseconds without any byte after which the pull is given up. */
  readonly progressTimeoutMs: number;
}

/** What a running pull has in memory: its source, the documents it read, and its claims on layers. Its steps meet here. */
export class PullSession {
  readonly source: ImageSource;
  /** Bytes of manifests, indexes and the configuration, until they are kept. */
  readonly documents: Map<Digest, Buffer> = new Map();
  readonly progress: PullProgress;
  readonly #options: PullSessionOptions;
  readonly #fetcher: Fetcher;
  readonly #abort = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  readonly #half = Promise.withResolvers<void>();
  #claims: readonly LayerClaim[] = [];
  readonly #watch: TransferWatch;
  #isMaking = false;
  #ending: Promise<void> | undefined;

  constructor(options: PullSessionOptions) {
    this.source = options.source;
    this.progress = options.progress;
    this.#options = options;
    this.#watch = new TransferWatch(options.progressTimeoutMs, (reason) => this.fail(reason));
    this.#fetcher = { source: options.source, places: options.places, watch: this.#watch };
  }

  get claims(): readonly LayerClaim[] {
    return this.#claims;
  }

  /** Claims all layers and begins to make them, once, whoever of the two steps comes first. `signal` ends it. */
  makeLayers(layers: readonly LayerOfImage[], signal: AbortSignal): void {
    signal.addEventListener("abort", () => this.fail(signal.reason), { once: true });
    if (signal.aborted) this.fail(signal.reason);
    if (this.#isMaking) return;
    this.#isMaking = true;
    const owner = {
      works: this.#options.works,
      fetcher: this.#fetcher,
      progress: this.progress,
      begun: () => this.#begun.resolve(),
      moved: (claim: LayerClaim) => this.#moved(claim),
    };
    // All claims stand before the first byte comes, so that nothing is taken away in between.
    this.#claims = layers.map((layer) => new LayerClaim(owner, layer));
    const made = this.#claims.map((claim) => claim.make(this.#abort.signal));
    for (const promise of made) promise.catch((reason: unknown) => this.fail(reason));
    void this.#whenMade();
  }

  /** Settles when about half of one blob is there, or nothing is to be fetched. */
  get half(): Promise<void> {
    return this.#half.promise;
  }

  /** Settles when the first layer has a directory, or none needs one. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Settles when the bytes of all layers are here; rejects with the first failure of the pull, when nothing runs any more. */
  fetched(): Promise<void> {
    return this.#all((claim) => claim.fetched);
  }

  /** Settles when all layers are ready to be committed. Rejects as `fetched`. */
  unpacked(): Promise<void> {
    return this.#all((claim) => claim.made ?? Promise.resolve());
  }

  /** Ends all work on layers for this reason; the first one counts. */
  fail(reason: unknown): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** Settles when nothing runs any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#claims.map((claim) => claim.made ?? Promise.resolve()));
  }

  /** Ends all work on layers, and waits until nothing runs any more. */
  async stop(): Promise<void> {
    this.fail(new StatusError(Code.Canceled, "the pull has ended"));
    this.#watch[Symbol.dispose]();
    await this.settled();
  }

  /** Stops, and lets go of all claims. Idempotent; when it failed it can be tried again. */
  async end(): Promise<void> {
    this.#ending ??= this.#end();
    try {
      await this.#ending;
    } catch (reason) {
      this.#ending = undefined;
      throw reason;
    }
  }

  async #whenMade(): Promise<void> {
    await this.settled();
    this.#begun.resolve();
    this.#half.resolve();
  }

  async #end(): Promise<void> {
    await this.stop();
    const released = await Promise.allSettled(this.#claims.map((claim) => claim.release()));
    const failed = released.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #all(part: (claim: LayerClaim) => Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled(this.#claims.map(part));
    if (!outcomes.some(({ status }) => status === "rejected")) return;
    await this.settled();
    throw this.#abort.signal.reason;
  }

  #moved(claim: LayerClaim): void {
    if (claim.downloaded * 2 >= claim.layer.size && claim.downloaded > 0) this.#half.resolve();
  }
}
