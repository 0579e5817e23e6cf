import { createHash } from "node:crypto";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";

import { tarArchive, type TarPart } from "./tar-archive.ts";

/** How the archive of a layer is packed. */
export type Compression = "gzip" | "zstd" | "none";

/** A layer of an image under test. */
export interface TestLayer {
  /** As a registry holds it. */
  readonly blob: Buffer;
  readonly digest: string;
  /** Digest of the archive. */
  readonly diffId: string;
  readonly compression: Compression;
}

/** `sha256:` and the digest of these bytes. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A layer of these entries, always the same bytes for the same entries. */
export function testLayer(parts: Iterable<TarPart>, compression: Compression = "gzip"): TestLayer {
  return layerOfArchive(tarArchive(parts), compression);
}

/** A layer of an archive that was made otherwise. */
export function layerOfArchive(archive: Buffer, compression: Compression = "gzip"): TestLayer {
  return layerOfBlob(compress(archive, compression), sha256(archive), compression);
}

/** A layer of any bytes at all, said to unpack to `diffId`. */
export function layerOfBlob(blob: Buffer, diffId: string, compression: Compression = "gzip"): TestLayer {
  return { blob, digest: sha256(blob), diffId, compression };
}

function compress(archive: Buffer, compression: Compression): Buffer {
  if (compression === "none") return archive;
  return compression === "zstd" ? zstdCompressSync(archive) : gzipSync(archive, { level: constants.Z_BEST_SPEED });
}
