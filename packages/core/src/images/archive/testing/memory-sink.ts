import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestAlgorithm, digestOf } from "@crib/oci-spec";

import type { ArchiveBlob, ArchiveSink } from "../types.ts";

/** A sink in memory that holds the reader to its side of the contract. */
export class MemorySink implements ArchiveSink {
  readonly blobs: Map<Digest, Buffer> = new Map();
  /** Sizes of the blobs that were opened without a digest. */
  readonly unknown: number[] = [];
  /** Blobs that are open now; 0 when reading is over. */
  open = 0;
  discarded = 0;

  openBlob(size: number, digest: Digest | undefined): Promise<ArchiveBlob | undefined> {
    if (digest === undefined) this.unknown.push(size);
    else if (this.blobs.get(digest)?.length === size) return Promise.resolve(undefined);
    if (this.open > 0) throw new Error("a second blob is opened");
    this.open += 1;
    return Promise.resolve(new MemoryBlob(this, size, digest));
  }

  readBlob(digest: Digest, limitBytes: number): Promise<Buffer> {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new StatusError(Code.NotFound, `no blob "${digest}"`);
    if (bytes.length > limitBytes) throw new StatusError(Code.ResourceExhausted, `blob "${digest}" is too large`);
    return Promise.resolve(bytes);
  }
}

class MemoryBlob implements ArchiveBlob {
  readonly #sink: MemorySink;
  readonly #size: number;
  readonly #expected: Digest | undefined;
  readonly #chunks: Buffer[] = [];
  #isOver = false;

  constructor(sink: MemorySink, size: number, expected: Digest | undefined) {
    this.#sink = sink;
    this.#size = size;
    this.#expected = expected;
  }

  append(chunk: Uint8Array): Promise<void> {
    if (this.#isOver) throw new Error("appended to a blob that is over");
    if (chunk.byteLength > 1 << 20) throw new Error(`a chunk of ${chunk.byteLength} bytes`);
    this.#chunks.push(Buffer.from(chunk));
    return Promise.resolve();
  }

  commit(digest: Digest): Promise<void> {
    const bytes = Buffer.concat(this.#chunks);
    if (bytes.length !== this.#size) throw new Error(`${bytes.length} bytes of ${this.#size} are committed`);
    if (digestOf(bytes, digestAlgorithm(digest)) !== digest) throw new Error("wrong bytes are committed");
    if (this.#expected !== undefined && this.#expected !== digest) throw new Error("another digest is committed");
    this.#end();
    this.#sink.blobs.set(digest, bytes);
    return Promise.resolve();
  }

  discard(): Promise<void> {
    this.#end();
    this.#sink.discarded += 1;
    return Promise.resolve();
  }

  #end(): void {
    if (this.#isOver) throw new Error("a blob ends twice");
    this.#isOver = true;
    this.#sink.open -= 1;
  }
}
