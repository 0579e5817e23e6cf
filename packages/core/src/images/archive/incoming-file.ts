import { createHash, type Hash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestAlgorithm, digestOf, parseDigest } from "@crib/oci-spec";

import type { StoredFile } from "./archive-files.ts";
import type { ArchiveBlob, ArchiveSink } from "./types.ts";

const headBytes = 4;

/** A file of an archive whose bytes are coming in. After `finish` or `abandon` it is of no more use. */
export interface IncomingFile {
  write(bytes: Buffer): Promise<void>;
  /** All bytes are there. */
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

/** Nothing is kept of the file. */
export const passedOver: IncomingFile = {
  write: () => Promise.resolve(),
  finish: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
};

/** A file that is held in memory and handed over whole. Its size is the caller's to limit. */
export class MemoryFile implements IncomingFile {
  readonly #parts: Buffer[] = [];
  readonly #done: (bytes: Buffer) => void | Promise<void>;

  constructor(done: (bytes: Buffer) => void | Promise<void>) {
    this.#done = done;
  }

  write(bytes: Buffer): Promise<void> {
    this.#parts.push(Buffer.from(bytes));
    return Promise.resolve();
  }

  async finish(): Promise<void> {
    await this.#done(Buffer.concat(this.#parts));
  }

  abandon(): Promise<void> {
    return Promise.resolve();
  }
}

/** A file that goes to the sink while it is hashed. */
export class BlobFile implements IncomingFile {
  readonly #size: number;
  readonly #expected: Digest | undefined;
  /** Undefined: the sink has the blob already. */
  readonly #blob: ArchiveBlob | undefined;
  readonly #hash: Hash;
  readonly #done: (file: StoredFile) => void;
  #head: Buffer = Buffer.alloc(0);

  private constructor(
    size: number,
    expected: Digest | undefined,
    blob: ArchiveBlob | undefined,
    done: (file: StoredFile) => void,
  ) {
    this.#size = size;
    this.#expected = expected;
    this.#blob = blob;
    this.#done = done;
    this.#hash = createHash(expected === undefined ? "sha256" : digestAlgorithm(expected));
  }

  /** `expected`: what the archive says that the file hashes to; another hash is DataLoss when it is finished. */
  static async open(
    sink: ArchiveSink,
    size: number,
    expected: Digest | undefined,
    done: (file: StoredFile) => void,
  ): Promise<BlobFile> {
    return new BlobFile(size, expected, await sink.openBlob(size, expected), done);
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#head.length < headBytes) {
      this.#head = Buffer.concat([this.#head, bytes.subarray(0, headBytes - this.#head.length)]);
    }
    if (this.#blob === undefined) return;
    this.#hash.update(bytes);
    await this.#blob.append(bytes);
  }

  async finish(): Promise<void> {
    const digest = await this.#commit();
    this.#done({ digest, size: this.#size, head: this.#head });
  }

  async abandon(): Promise<void> {
    await this.#blob?.discard();
  }

  async #commit(): Promise<Digest> {
    if (this.#blob === undefined) return this.#expected as Digest;
    const algorithm = this.#expected === undefined ? "sha256" : digestAlgorithm(this.#expected);
    const digest = parseDigest(`${algorithm}:${this.#hash.digest("hex")}`);
    if (this.#expected !== undefined && digest !== this.#expected) {
      await this.#blob.discard();
      throw new StatusError(
        Code.DataLoss,
        `reading image archive: the bytes of blob "${this.#expected}" hash to "${digest}"`,
      );
    }
    await this.#blob.commit(digest);
    return digest;
  }
}

/** Puts bytes that are in memory into the sink, and gives what they are there. */
export async function storeBytes(sink: ArchiveSink, bytes: Buffer): Promise<StoredFile> {
  const digest = digestOf(bytes);
  const blob = await sink.openBlob(bytes.length, digest);
  if (blob !== undefined) {
    try {
      await blob.append(bytes);
    } catch (error) {
      await blob.discard();
      throw error;
    }
    await blob.commit(digest);
  }
  return { digest, size: bytes.length, head: Buffer.from(bytes.subarray(0, headBytes)) };
}
