import type { Digest } from "@crib/oci-spec";

import type { ArchiveBlob, ArchiveSink } from "../archive/types.ts";
import type { Deletions } from "../garbage/deletions.ts";
import type { Holds } from "../garbage/holds.ts";

/** A sink whose blobs are kept from the collection, also those that were there before, until it is disposed of. */
export class HeldSink implements ArchiveSink, Disposable {
  readonly #sink: ArchiveSink;
  readonly #holds: Holds;
  readonly #deletions: Deletions;
  readonly #releases: (() => void)[] = [];

  constructor(sink: ArchiveSink, holds: Holds, deletions: Deletions) {
    this.#sink = sink;
    this.#holds = holds;
    this.#deletions = deletions;
  }

  async openBlob(size: number, digest: Digest | undefined): Promise<ArchiveBlob | undefined> {
    if (digest !== undefined) await this.#hold(digest);
    const blob = await this.#sink.openBlob(size, digest);
    if (!blob) return undefined;
    return {
      append: (chunk) => blob.append(chunk),
      commit: async (found) => {
        await this.#hold(found);
        await blob.commit(found);
      },
      discard: () => blob.discard(),
    };
  }

  readBlob(digest: Digest, limitBytes: number): Promise<Buffer> {
    return this.#sink.readBlob(digest, limitBytes);
  }

  [Symbol.dispose](): void {
    for (const release of this.#releases.splice(0)) release();
  }

  /** A removal that was decided before is waited for; none is decided after. */
  async #hold(digest: Digest): Promise<void> {
    this.#releases.push(this.#holds.hold(digest));
    await this.#deletions.settled(digest);
  }
}
