import type { Digest } from "@crib/oci-spec";

/** A blob that is being written. At most one exists for a digest. */
export interface Ingest {
  readonly digest: Digest;
  readonly size: number;
  /** The file that is written, which readers may follow while it grows. */
  readonly path: string;
  /** Bytes that are there, from an earlier try too. */
  readonly written: number;
  /** Appends; settles when the bytes can be read. ResourceExhausted when the disk is full or more than `size` would be there. */
  append(chunk: Uint8Array): Promise<void>;
  /** Drops what is there, to start from byte 0. */
  restart(): Promise<void>;
  /**
   * Makes the blob part of the store by renaming it. `verified` says that the caller hashed exactly this file; otherwise it is
   * hashed now, and DataLoss drops the ingest. A size that is not complete is DataLoss too.
   */
  commit(verified: boolean): Promise<void>;
  /** Closes the file and leaves it for a later try; nobody is ever served from it. */
  close(): Promise<void>;
}

/** What the store knows of a blob. */
export interface BlobInfo {
  readonly digest: Digest;
  readonly size: number;
  readonly path: string;
}

/** Content by digest, in `<root>/content/blobs/<algorithm>/<hex>`. A blob exists whole or not at all. */
export interface ContentStore {
  /** Blobs that have come and that the disk may not hold yet. Whoever has synced it takes them out. */
  readonly unsynced: Set<Digest>;
  find(digest: Digest): Promise<BlobInfo | undefined>;
  /** Reads a small blob and checks its digest. NotFound; ResourceExhausted above `limitBytes`; DataLoss when damaged. */
  read(digest: Digest, limitBytes: number): Promise<Buffer>;
  /** Writes a small blob whose digest the bytes have been checked against. Idempotent. */
  write(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** Continues a partial file of the same digest and size, or begins one. AlreadyExists while another holds it. */
  openIngest(digest: Digest, size: number): Promise<Ingest>;
  /** Hashes the blob. False when it is damaged; NotFound. */
  verify(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** Absence is success. */
  delete(digest: Digest): Promise<void>;
  list(): Promise<readonly BlobInfo[]>;
  /** Partial files that nobody holds, with the time of their last byte. */
  listPartials(): Promise<
    readonly { readonly digest: string; readonly path: string; readonly size: number; readonly modifiedMs: number }[]
  >;
  /**
   * Removes partial files that nobody holds and that are older than `olderThanMs`; with `digests`, none but those of them. Gives
   * how many.
   */
  dropPartials(olderThanMs: number, digests?: ReadonlySet<Digest>): Promise<number>;
}
