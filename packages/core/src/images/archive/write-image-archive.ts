import { createHash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  digestReference,
  type ImageReference,
  mediaTypes,
  tagReference,
} from "@crib/oci-spec";

import { imageNameAnnotation, refNameAnnotation } from "./oci-layout.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar-header.ts";
import type { ExportedImage, OpenArchivedBlob } from "./types.ts";

const pieceBytes = 512 << 10;

type Blob = Pick<Descriptor, "digest" | "size">;

function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** The texts under which a name is written; undefined for one by a digest that the archive does not have. */
function nameText(name: ImageReference, manifest: Digest): string | undefined {
  return tagReference(name) ?? (name.digest === manifest ? digestReference(name, manifest) : undefined);
}

function indexEntries({ references, manifest, platform }: ExportedImage): readonly object[] {
  const { os, architecture, variant } = platform;
  const entry = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
    platform: { architecture, os, ...(variant !== "" && { variant }) },
  };
  const named = references.flatMap((name) => {
    const text = nameText(name, manifest.digest);
    if (text === undefined) return [];
    const tag = name.digest === undefined && name.tag !== undefined ? { [refNameAnnotation]: name.tag } : {};
    return [{ ...entry, annotations: { [imageNameAnnotation]: text, ...tag } }];
  });
  return named.length === 0 ? [entry] : named;
}

function dockerEntry({ references, config, layers }: ExportedImage): object {
  return {
    Config: blobName(config.digest),
    RepoTags: references.flatMap((name) => tagReference(name) ?? []),
    Layers: layers.map(({ digest }) => blobName(digest)),
  };
}

function documentsOf(images: readonly ExportedImage[]): ReadonlyMap<string, Buffer> {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: images.flatMap(indexEntries) };
  const documents = {
    "oci-layout": { imageLayoutVersion: "1.0.0" },
    "index.json": index,
    "manifest.json": images.map(dockerEntry),
  };
  return new Map(Object.entries(documents).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))]));
}

/** Every blob once, in the order in which readers want them. */
function blobsOf(images: readonly ExportedImage[]): readonly Blob[] {
  const blobs = images.flatMap(({ manifest, config, layers }) => [manifest, config, ...layers]);
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function damaged(digest: Digest, why: string): StatusError {
  return new StatusError(Code.DataLoss, `writing image archive: blob "${digest}" ${why}`);
}

async function* blobBytes({ digest, size }: Blob, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const hash = createHash(digestAlgorithm(digest));
  let total = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; at += pieceBytes) {
      const piece = Buffer.from(chunk.buffer, chunk.byteOffset + at, Math.min(pieceBytes, chunk.byteLength - at));
      total += piece.length;
      if (total > size) throw damaged(digest, `has more than its ${size} bytes`);
      hash.update(piece);
      yield piece;
    }
  }
  if (total !== size) throw damaged(digest, `has ${total} of its ${size} bytes`);
  if (hash.digest("hex") !== digestHex(digest)) throw damaged(digest, "does not hash to its digest");
  yield tarPadding(size);
}

/**
 * Images as a tar of an OCI image layout, with the `manifest.json` of a docker-archive beside: what docker, containerd, skopeo
 * and umoci read. The same images in the same order give the same bytes. Blobs are checked while they are written: DataLoss when one
 * is damaged, Canceled, and whatever `openBlob` throws; what was given out until then is no whole archive. Chunks are valid
 * until the next is asked for.
 */
export async function* writeImageArchive(
  images: readonly ExportedImage[],
  openBlob: OpenArchivedBlob,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const blobs = blobsOf(images);
  const algorithms = new Set(blobs.map(({ digest }) => digestAlgorithm(digest)));
  for (const [name, bytes] of documentsOf(images)) {
    yield Buffer.concat([tarHeader({ name, type: "file", size: bytes.length }), bytes, tarPadding(bytes.length)]);
  }
  for (const name of ["blobs/", ...[...algorithms].sort().map((algorithm) => `blobs/${algorithm}/`)]) {
    yield tarHeader({ name, type: "directory" });
  }
  for (const blob of blobs) {
    if (signal.aborted) throw StatusError.from(signal.reason, "writing image archive");
    yield tarHeader({ name: blobName(blob.digest), type: "file", size: blob.size });
    yield* blobBytes(blob, openBlob(blob.digest, signal));
  }
  yield tarEnd();
}
