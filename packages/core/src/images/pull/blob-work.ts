import { setTimeout as sleep } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { type Digest, digestAlgorithm } from "@crib/oci-spec";

import type { BlobInfo, ContentStore, Ingest } from "../../content/types.ts";
import type { LayerUnpacker } from "../../layers/types.ts";
import type { Deletions } from "../garbage/deletions.ts";
import type { ImageSource } from "../sources/image-source.ts";
import { Places } from "./places.ts";
import { type TransferPlaces, transferBlob } from "./transfer-blob.ts";
import type { TransferWatch } from "./transfer-watch.ts";

/** Milliseconds between two looks at a partial file that an import writes. */
const pollMs = 100;

/** What blobs are fetched with. */
export interface BlobDeps {
  readonly content: ContentStore;
  readonly hashFile: LayerUnpacker["hashFile"];
  readonly deletions: Deletions;
  readonly transfers: TransferPlaces;
}

/** Who fetches: the pull whose source and places are used. */
export interface Fetcher {
  readonly source: ImageSource;
  /** Transfers of this pull that may run at a time. */
  readonly places: Places;
  readonly watch: TransferWatch;
}

/** Follows a blob that comes in. */
export interface BlobFollower {
  /** There is a file at the blob's path, with so many bytes that can be read. */
  open(available: number): void;
  /** So many are there now. */
  grew(available: number): void;
}

/**
 * One blob that pulls want. Whoever asks first fetches it, for all; when that one fails or leaves, the next who waits goes
 * on with its own source. It is held, and kept from the collection of partial files, until nobody claims it any more.
 */
export class BlobWork {
  readonly digest: Digest;
  readonly size: number;
  readonly #deps: BlobDeps;
  readonly #turn = new Places(1);
  readonly #forget: () => void;
  #claims = 0;
  #ingest: Ingest | undefined;
  #stored: BlobInfo | undefined;
  #isVerified = false;
  /** Hosts that gave bytes of the present copy; whether some of its bytes are of an earlier time. */
  #sources = new Set<string>();
  #isResumed = false;
  #skipHosts: ReadonlySet<string> = new Set();

  constructor(deps: BlobDeps, digest: Digest, size: number, forget: () => void) {
    this.#deps = deps;
    this.digest = digest;
    this.size = size;
    this.#forget = forget;
  }

  /** Where its bytes are, once a fetch has opened it. */
  get path(): string {
    return this.#ingest?.path ?? this.#stored?.path ?? "";
  }

  claim(): void {
    this.#claims++;
  }

  /** Gives back a claim; with the last one the partial file is closed, for a later pull to go on with. */
  async release(): Promise<void> {
    this.#claims--;
    if (this.#claims > 0) return;
    using _turn = await this.#turn.take(new AbortController().signal);
    // Somebody may have come meanwhile.
    if (this.#claims > 0) return;
    await this.#close();
    if (this.#claims === 0) this.#forget();
  }

  /** Settles when all bytes are there, right or not. Rejects as the source does, or with the reason of `signal`. */
  async fetch(fetcher: Fetcher, follower: BlobFollower, signal: AbortSignal): Promise<void> {
    using _turn = await this.#turn.take(signal);
    await this.#open(signal);
    const ingest = this.#ingest;
    if (!ingest) return follower.open(this.#stored?.size ?? 0);
    if (ingest.written === this.size) return follower.open(ingest.written);
    const from = { ...fetcher, skipHosts: this.#skipHosts };
    try {
      await transferBlob(this.#deps.transfers, from, ingest, follower, this.#sources, signal);
    } catch (reason) {
      // A full disk has cost the partial file; whoever goes on begins with a new one.
      if (hasCode(reason, Code.ResourceExhausted)) await this.#close();
      throw reason;
    }
  }

  /** Says that the bytes were hashed and are right. */
  verified(): void {
    this.#isVerified = true;
  }

  /** Whether it is the bytes that are wrong, after something had gone wrong with them. */
  async isDamaged(signal: AbortSignal): Promise<boolean> {
    if (this.#isVerified) return false;
    if (this.#ingest && this.#ingest.written !== this.size) return true;
    const path = this.#stored?.path ?? this.#ingest?.path;
    if (path === undefined) return false;
    const hashed = await this.#deps.hashFile(path, digestAlgorithm(this.digest), signal);
    return hashed.digest !== this.digest;
  }

  /** Drops a damaged copy; the next fetch begins again, and elsewhere when the copy came from hosts that are known. */
  async discard(signal: AbortSignal): Promise<void> {
    using _turn = await this.#turn.take(signal);
    if (this.#stored) await this.#deps.content.delete(this.digest);
    else await this.#ingest?.restart();
    this.#avoid();
  }

  /** Makes the bytes a blob of the store if all of them are here; hashes them first unless somebody has. DataLoss drops them. */
  async commit(): Promise<void> {
    using _turn = await this.#turn.take(new AbortController().signal);
    const ingest = this.#ingest;
    if (!ingest || ingest.written !== this.size) return;
    this.#ingest = undefined;
    try {
      await ingest.commit(this.#isVerified);
    } catch (reason) {
      this.#avoid();
      throw reason;
    } finally {
      await ingest.close();
    }
    this.#stored = await this.#deps.content.find(this.digest);
  }

  /** Finds the blob in the store, or takes up its partial file; waits while somebody else writes that. */
  async #open(signal: AbortSignal): Promise<void> {
    while (!this.#ingest) {
      await this.#deps.deletions.settled(this.digest);
      this.#stored = await this.#findStored(signal);
      if (this.#stored) return;
      try {
        this.#ingest = await this.#deps.content.openIngest(this.digest, this.size);
        this.#isResumed = this.#ingest.written > 0;
      } catch (reason) {
        if (!hasCode(reason, Code.AlreadyExists)) throw reason;
        await sleep(pollMs, undefined, { signal });
      }
    }
  }

  /** A blob of another size than the manifest says is damaged and goes; else it is the manifest that is wrong: InvalidArgument. */
  async #findStored(signal: AbortSignal): Promise<BlobInfo | undefined> {
    const { content, deletions } = this.#deps;
    const stored = await content.find(this.digest);
    if (!stored || stored.size === this.size) return stored;
    if (await content.verify(this.digest, signal)) {
      const what = `it has ${stored.size} bytes, the manifest says ${this.size}`;
      throw new StatusError(Code.InvalidArgument, `blob "${this.digest}": ${what}`);
    }
    await deletions.run(this.digest, () => content.delete(this.digest));
    return undefined;
  }

  async #close(): Promise<void> {
    const ingest = this.#ingest;
    this.#ingest = undefined;
    await ingest?.close();
  }

  /** What gave a damaged copy is not asked again; of one that was resumed nobody knows who is to blame. */
  #avoid(): void {
    this.#skipHosts = this.#stored || this.#isResumed ? new Set() : this.#sources;
    this.#stored = undefined;
    this.#sources = new Set();
    this.#isResumed = false;
  }
}
