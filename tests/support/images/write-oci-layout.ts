import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { TestImage } from "./image.ts";

/** Writes an image as a directory of the OCI image layout, under a tag, for tools that read such (umoci, skopeo). */
export function writeOciLayout(dir: string, tag: string, { top, manifests, blobs }: TestImage): void {
  const blobsDir = join(dir, "blobs/sha256");
  mkdirSync(blobsDir, { recursive: true });
  const put = (digest: string, bytes: Buffer): void => writeFileSync(join(blobsDir, digest.slice(7)), bytes);
  for (const [digest, bytes] of blobs) put(digest, bytes);
  for (const { digest, bytes } of [...manifests, top]) put(digest, bytes);
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const { mediaType, digest, bytes } = top;
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size: bytes.length, annotations }] };
  writeFileSync(join(dir, "index.json"), JSON.stringify(index));
}
