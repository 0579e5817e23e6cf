import type { Digest } from "@crib/oci-spec";

import type { IdMappings } from "../snapshots/types.ts";

/** What a layer may be at most. Real layers never meet the defaults. */
export interface LayerLimits {
  /** Bytes of the uncompressed archive. Default 64 GiB. */
  readonly unpackedBytes: number;
  /** Entries of the archive. Default 5,000,000. */
  readonly entries: number;
  /** Bytes of one PAX header, GNU long name or sparse map, which are held in memory. Default 1 MiB. */
  readonly headerBytes: number;
  /** Bytes of a path inside the layer. Default 4,096. */
  readonly pathBytes: number;
}

/** A layer to unpack: a blob's file, which may still be growing, into an empty directory in overlayfs form. */
export interface UnpackJob {
  /** The blob's file, trusted path. */
  readonly blobPath: string;
  /** What the whole file must hash to, and its size in bytes. */
  readonly digest: Digest;
  readonly size: number;
  /** What the uncompressed archive must hash to. */
  readonly diffId: Digest;
  /** An existing, empty, trusted directory; it becomes the layer's root. */
  readonly target: string;
  readonly limits: LayerLimits;
}

/** A layer that was unpacked, and what could not be decided without the layers below. */
export interface UnpackedLayer {
  readonly entries: number;
  /** Bytes of the archive, uncompressed. */
  readonly archiveBytes: number;
  /** What the directory takes on disk: bytes (512-byte blocks counted) and inodes, hard links once. */
  readonly usage: { readonly bytes: number; readonly inodes: number };
  /**
   * Directories that the archive implied without an entry of their own, as base64 of their path bytes: their mode, owner,
   * times and xattrs are those of the directory below, where there is one.
   */
  readonly impliedDirectories: readonly string[];
  /** Hard links whose target is in a layer below: both paths as base64 of their bytes, relative to the root. */
  readonly linksBelow: readonly { readonly path: string; readonly target: string }[];
  /** The root has an opaque marker: nothing of the layers below is to be seen. Overlayfs does not heed it there, `settle` does. */
  readonly hidesBelow?: true;
}

/** A layer being unpacked. */
export interface UnpackRun {
  /** Tells how many bytes of the blob's file are there now; may be called at any time, with numbers that grow. */
  available(bytes: number): void;
  /** Bytes of the blob read so far. */
  readonly readBytes: number;
  /**
   * Settles when the layer is complete and both digests are right, or nothing is being written any more. DataLoss: the blob
   * or the archive is not what its digest says (`details.kind` is not needed: the message says which). InvalidArgument: no tar,
   * or a hostile one. ResourceExhausted: a limit or the disk. Cancelled: the signal. The target then holds leftovers.
   */
  readonly done: Promise<UnpackedLayer>;
}

/** Unpacks layers off the main thread. */
export interface LayerUnpacker extends AsyncDisposable {
  /** Starts a thread ahead of the first layer, which takes some 50 ms: to be called when a pull begins. Never fails. */
  warm(): void;
  /** Starts as soon as a worker is free; `signal` ends it. */
  unpack(job: UnpackJob, signal: AbortSignal): UnpackRun;
  /**
   * Completes a layer against the layers below it (trusted directories, nearest first): copies what implied directories
   * and links below need. Nothing to do is the common case and costs nothing. Idempotent.
   */
  settle(target: string, layer: UnpackedLayer, below: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes a tree that a layer or container has written, without following links or leaving its file system. Absence is success. */
  removeTree(path: string, signal: AbortSignal): Promise<void>;
  /** Bytes (512-byte blocks) and inodes of a tree, hard links once, links not followed. NotFound. */
  usage(path: string, signal: AbortSignal): Promise<{ readonly bytes: number; readonly inodes: number }>;
  /**
   * Writes all that is cached for the file system of a directory to its disk: after that its layers survive a loss of power. Not
   * stopped by `signal`, except while it waits for a thread. NotFound.
   */
  syncFileSystem(path: string, signal: AbortSignal): Promise<void>;
  /** Hashes a file. NotFound. */
  hashFile(
    path: string,
    algorithm: "sha256" | "sha512",
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
}

/** Copies trees off the main thread. */
export interface TreeCopier {
  /**
   * Copies a directory, with all that its files have, into `target`, an existing, empty, trusted one. `path` is seen as by a process whose
   * root directory is `root`: nothing in that tree, which is hostile, leads out of it. Gives whether there was anything at that path.
   * InvalidArgument where there is no directory; ResourceExhausted; Cancelled, which leaves a part.
   */
  copyTree(root: string, path: string, target: string, signal: AbortSignal): Promise<boolean>;
}

/** Makes archives of trees off the main thread. */
export interface TreePacker {
  /**
   * Writes a directory in overlayfs form as an uncompressed OCI layer to `target`, a new file (mode 0600) in a trusted directory, and gives its size. No
   * link is followed, no mount entered. Ids are those inside the user namespace of `mappings`. On failure there is no file. AlreadyExists;
   * ResourceExhausted; Cancelled.
   */
  packTree(
    path: string,
    mappings: IdMappings | undefined,
    target: string,
    signal: AbortSignal,
  ): Promise<{ readonly size: number }>;
}
