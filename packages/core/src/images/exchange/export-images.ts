import { createReadStream } from "node:fs";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { type Digest, isDigest, parseManifest, parseReference } from "@crib/oci-spec";

import { type ExportedImage, writeImageArchive } from "../archive/index.ts";
import { blobsOfImage } from "../garbage/roots.ts";
import type { ImageParts } from "../image-parts.ts";
import { findImage, viewImage } from "../records/find-image.ts";
import type { ImageRecord } from "../types.ts";

/** Bytes of a chunk. */
const chunkBytes = 512 * 1024;

/** The images as one archive. Their blobs are kept while it is written; what is missing is told before the first chunk. */
export async function* exportImages(
  parts: ImageParts,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { images, holds } = parts;
  const chosen = new Map<ImageRecord, Set<string>>();
  for (const name of names) {
    const image = findImage(images, name);
    if (!image) throw new StatusError(Code.NotFound, `image "${name}": not found`);
    const shown = chosen.get(image) ?? new Set();
    chosen.set(image, shown);
    for (const each of namesFor(parts, image, name)) shown.add(each);
  }
  const releases = [...chosen.keys()].flatMap((image) => blobsOfImage(image).map((digest) => holds.hold(digest)));
  try {
    const exported: ExportedImage[] = [];
    for (const [image, shown] of chosen) exported.push(await describeExport(parts, image, [...shown]));
    yield* writeImageArchive(exported, (digest, abort) => openBlob(parts, digest, abort), signal);
  } finally {
    for (const release of releases) release();
  }
}

/** An image that is asked for by a tag is written with that one, by its id with all that it has. */
function namesFor({ images }: ImageParts, image: ImageRecord, asked: string): readonly string[] {
  const { repoTags, repoDigests } = viewImage(images, image);
  const all = [...repoTags, ...repoDigests];
  const one = all.find((name) => name === completed(asked));
  return one === undefined ? all : [one];
}

function completed(asked: string): string | undefined {
  if (isDigest(asked)) return undefined;
  try {
    const { registry, repository, tag, digest } = parseReference(asked);
    return digest === undefined
      ? `${registry}/${repository}:${tag ?? "latest"}`
      : `${registry}/${repository}@${digest}`;
  } catch (reason) {
    if (hasCode(reason, Code.InvalidArgument)) return undefined; // an id
    throw reason;
  }
}

async function describeExport(
  { content, limits }: ImageParts,
  image: ImageRecord,
  names: readonly string[],
): Promise<ExportedImage> {
  const bytes = await content.read(image.manifest, limits.manifestBytes);
  const { mediaType } = parseManifest(bytes, undefined, { bytes: limits.manifestBytes, layers: limits.layers });
  const sizes = await Promise.all(
    [image.id, ...image.layers.map(({ digest }) => digest)].map((digest) => sizeOf(digest)),
  );
  const [configSize = 0] = sizes;
  return {
    references: names.map((name) => parseReference(name)),
    manifest: { mediaType, digest: image.manifest, size: bytes.length },
    platform: image.platform,
    config: { digest: image.id, size: configSize },
    layers: image.layers.map(({ digest, size }) => ({ digest, size })),
  };

  async function sizeOf(digest: Digest): Promise<number> {
    const blob = await content.find(digest);
    if (blob) return blob.size;
    throw new StatusError(
      Code.FailedPrecondition,
      `image "${image.id}": blob "${digest}" is not in the store; pull the image again`,
    );
  }
}

async function* openBlob({ content }: ImageParts, digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const blob = await content.find(digest);
  if (!blob) throw new StatusError(Code.NotFound, `blob "${digest}": it is not in the store`);
  const stream = createReadStream(blob.path, { highWaterMark: chunkBytes, signal });
  yield* stream as AsyncIterable<Buffer>;
}
