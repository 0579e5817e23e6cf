import { join } from "node:path";

import { type Digest, digestAlgorithm, digestHex, isDigest, parseDigest } from "@crib/oci-spec";

/** The algorithms that blobs are kept under, one folder each. */
export const algorithms = ["sha256", "sha512"] as const;

/** The digest that a folder's and a file's name make; undefined when they make none. */
export function joinDigest(algorithm: string, hex: string): Digest | undefined {
  const text = `${algorithm}:${hex}`;
  return isDigest(text) ? text : undefined;
}

/** Where a store keeps what. */
export interface BlobPaths {
  readonly ingestDir: string;
  blobDir(algorithm: string): string;
  blob(digest: Digest): string;
  ingest(digest: Digest): string;
}

/** The paths of the store in `<rootDir>/content`. */
export function blobPaths(rootDir: string): BlobPaths {
  const ingestDir = join(rootDir, "content", "ingest");
  const blobDir = (algorithm: string): string => join(rootDir, "content", "blobs", algorithm);
  return {
    ingestDir,
    blobDir,
    // Both parts become parts of paths, so the form is checked here whatever the type says.
    blob: (digest) => join(blobDir(digestAlgorithm(parseDigest(digest))), digestHex(digest)),
    ingest: (digest) => join(ingestDir, `${digestAlgorithm(parseDigest(digest))}-${digestHex(digest)}`),
  };
}
