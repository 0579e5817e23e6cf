import type { Descriptor, Digest, ImageConfig, ImageManifest, ImageReference, PlatformName } from "@crib/oci-spec";

/** A blob that an archive's reader hands over. Exactly one of `commit` and `discard` is called, as its last call. */
export interface ArchiveBlob {
  /** Appends; the chunk is the reader's again when the promise settles. */
  append(chunk: Uint8Array): Promise<void>;
  /** All bytes are there, and the reader has hashed them to `digest`: makes the blob readable under it. */
  commit(digest: Digest): Promise<void>;
  /** Drops what was appended: the archive is bad, or reading was given up. */
  discard(): Promise<void>;
}

/** Takes the blobs of an archive. One blob is written at a time. What a call throws ends the reading. */
export interface ArchiveSink {
  /**
   * Begins a blob of `size` bytes. `digest` is what they must hash to; undefined where the archive does not say. Undefined is
   * given when a blob of this digest and size is there already: its bytes in the archive are then passed over.
   */
  openBlob(size: number, digest: Digest | undefined): Promise<ArchiveBlob | undefined>;
  /** Reads a small blob back, checked against its digest. ResourceExhausted above `limitBytes`; DataLoss. */
  readBlob(digest: Digest, limitBytes: number): Promise<Buffer>;
}

/** What an archive may be at most. Real archives never meet the defaults. */
export interface ArchiveLimits {
  /** Bytes of the uncompressed archive. Default 256 GiB. */
  readonly bytes: number;
  /** Headers of the archive. Default 100,000. */
  readonly entries: number;
  /** Bytes of the names of all files and links together, which are held in memory. Default 16 MiB. */
  readonly nameBytes: number;
  /** Bytes of `index.json` or `manifest.json`. Default 4 MiB. */
  readonly documentBytes: number;
  /** Bytes of all manifests, indexes and configurations that are read together. Default 64 MiB. */
  readonly metadataBytes: number;
}

/** How an archive is read. */
export interface ReadArchiveOptions {
  /** The platform that images with several are taken for; images for others only are passed over. */
  readonly platform: PlatformName;
  readonly limits?: Partial<ArchiveLimits>;
}

/** An image of an archive. Its manifest, configuration and layers are in the sink, all with the sizes that are stated here. */
export interface ArchivedImage {
  /** The names that the archive gives it, completed; may be none. One with a digest has one of `targets`. */
  readonly references: readonly ImageReference[];
  /** Digests of the indexes and the manifest that lead to it, the manifest's last. */
  readonly targets: readonly Digest[];
  readonly manifest: ImageManifest;
  /** What the manifest was read from; made here for an image that comes without one. */
  readonly manifestBytes: Buffer;
  readonly manifestDigest: Digest;
  /** Has as many diff ids as the manifest has layers. Its digest is `manifest.config.digest`. */
  readonly config: ImageConfig;
}

/** What was in an archive. */
export interface ImageArchive {
  readonly format: "oci" | "docker";
  /** At least one. */
  readonly images: readonly ArchivedImage[];
}

/** An image to write into an archive. */
export interface ExportedImage {
  /** Its names: those with a tag, and those whose digest is the manifest's, are written. May be none. */
  readonly references: readonly ImageReference[];
  readonly manifest: Pick<Descriptor, "mediaType" | "digest" | "size">;
  readonly platform: PlatformName;
  readonly config: Pick<Descriptor, "digest" | "size">;
  /** From the lowest one upwards. */
  readonly layers: readonly Pick<Descriptor, "digest" | "size">[];
}

/** Gives the bytes of a blob. */
export type OpenArchivedBlob = (digest: Digest, signal: AbortSignal) => AsyncIterable<Uint8Array>;
