import { Code, hasCode } from "@crib/errdefs";
import { type Digest, digestAlgorithm } from "@crib/oci-spec";

import type { BlobInfo, ContentStore, Ingest } from "../../content/types.ts";
import type { LayerUnpacker } from "../../layers/types.ts";
import type { Deletions } from "../garbage/deletions.ts";
import type { ImageSource } from "../sources/image-source.ts";
import { Places } from "./places.ts";
import { type TransferPlaces, transferBlob } from "./transfer-blob.ts";

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
}

/** Follows a blob that comes in. */
export interface BlobFollower {
  /** There is a file, with so many bytes that can be read. */
  opened(path: string, available: number): Promise<void>;
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

  claim(): void {
    this.#claims++;
  }

  /** Gives back a claim; with the last one the partial file is closed, for a later pull to go on with. */
  async release(): Promise<void> {
    this.#claims--;
    using _turn = await this.#turn.take(new AbortController().signal);
    if (this.#claims > 0) return;
    const ingest = this.#ingest;
    this.#ingest = undefined;
    await ingest?.close();
    if (this.#claims === 0) this.#forget();
  }

  /** Settles when all bytes are there, right or not. Rejects as the source does, or with the reason of `signal`. */
  async fetch(fetcher: Fetcher, follower: BlobFollower, signal: AbortSignal): Promise<void> {
    using _turn = await this.#turn.take(signal);
    await this.#deps.deletions.settled(this.digest);
    if (!this.#ingest) this.#stored = await this.#deps.content.find(this.digest);
    if (this.#stored) return await follower.opened(this.#stored.path, this.#stored.size);
    const ingest = await this.#openIngest();
    if (ingest.written === this.size) return await follower.opened(ingest.path, ingest.written);
    const from = { source: fetcher.source, places: fetcher.places, skipHosts: this.#skipHosts };
    await transferBlob(this.#deps.transfers, from, ingest, follower, this.#sources, signal);
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
    this.#skipHosts = this.#stored || this.#isResumed ? new Set() : this.#sources;
    this.#stored = undefined;
    this.#sources = new Set();
    this.#isResumed = false;
  }

  /** Makes the bytes a blob of the store if all of them are here; hashes them first unless somebody has. */
  async commit(): Promise<void> {
    using _turn = await this.#turn.take(new AbortController().signal);
    const ingest = this.#ingest;
    if (!ingest || ingest.written !== this.size) return;
    try {
      await ingest.commit(this.#isVerified);
      this.#ingest = undefined;
    } catch (reason) {
      if (hasCode(reason, Code.DataLoss)) this.#ingest = undefined;
      throw reason;
    }
    this.#stored = await this.#deps.content.find(this.digest);
  }

  async #openIngest(): Promise<Ingest> {
    if (this.#ingest) return this.#ingest;
    const ingest = await this.#deps.content.openIngest(this.digest, this.size);
    this.#isResumed = ingest.written > 0;
    this.#ingest = ingest;
    return ingest;
  }
}
