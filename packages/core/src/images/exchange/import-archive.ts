import { Code, hasCode, StatusError } from "@crib/errdefs";
import { type Digest, formatReference, type ImageReference, tagReference } from "@crib/oci-spec";

import { type ArchivedImage, contentSink, readImageArchive } from "../archive/index.ts";
import type { ImageParts } from "../image-parts.ts";
import { contentSource } from "../sources/content-source.ts";
import type { Image } from "../types.ts";
import { HeldSink } from "./held-sink.ts";

/** How an archive is taken. */
export interface ImportOptions {
  /** The archive must hold one image, which gets this name. Default: the names that the archive gives. */
  readonly name?: ImageReference;
  /** Default false. */
  readonly pinned?: boolean;
}

/** Takes the images of an archive, all of them or none. */
export async function importImages(
  parts: ImageParts,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<readonly Image[]> {
  const { content, holds, deletions, platform, spoolDir, images, removals, collector } = parts;
  using sink = new HeldSink(contentSink(content, spoolDir, signal), holds, deletions);
  const added: Digest[] = [];
  // The same image twice in an archive is given once, with all its names.
  const imported = new Map<Digest, Image>();
  try {
    const read = await readImageArchive(archive, sink, { platform }, signal);
    const named = nameImages(read.images, options.name);
    for (const { image, names } of named) {
      const isNew = images.find(image.manifest.config.digest)?.state !== "ready";
      const adopted = await adoptImage(parts, image, names, options.pinned ?? false, signal);
      if (isNew) added.push(adopted.id);
      imported.set(adopted.id, adopted);
    }
  } catch (reason) {
    for (const id of added) await removals.remove(id);
    throw StatusError.from(reason, "importing images");
  } finally {
    collector.request();
  }
  return [...imported.values()];
}

interface NamedImage {
  readonly image: ArchivedImage;
  readonly names: readonly ImageReference[];
}

function nameImages(images: readonly ArchivedImage[], name: ImageReference | undefined): readonly NamedImage[] {
  const [only, ...others] = images;
  if (name !== undefined && only) {
    if (others.length > 0) throw invalid(`the archive has ${images.length} images, and one can have this name`);
    if (name.digest !== undefined && !only.targets.includes(name.digest)) {
      throw invalid(`the archive has nothing with the digest of "${formatReference(name)}"`);
    }
    return [{ image: only, names: [name] }];
  }
  return images.map((image) => {
    if (image.references.length > 0) return { image, names: image.references };
    throw invalid(`the archive gives no name to image "${image.manifest.config.digest}"; give it one`);
  });
}

function invalid(why: string): StatusError {
  return new StatusError(Code.InvalidArgument, why);
}

/** Unpacks an image whose blobs are in the store, and records it, by the same flow as a pull. */
async function adoptImage(
  parts: ImageParts,
  image: ArchivedImage,
  names: readonly ImageReference[],
  pinned: boolean,
  signal: AbortSignal,
): Promise<Image> {
  const { content, pulls, platform, limits } = parts;
  const source = contentSource(content, await topOf(parts, image), limits.manifestBytes);
  const plan = {
    reference: names.map((name) => formatReference(name)).join(", "),
    repositories: [...new Set(names.map(({ registry, repository }) => `${registry}/${repository}`))],
    tags: names.flatMap((name) => tagReference(name) ?? []),
    handler: "",
    platform,
    pinned,
  };
  // Of equal imports that run at the same time the second one waits for the first.
  const identity = {
    reference: plan.reference,
    handler: `import ${image.manifestDigest} ${pinned}`,
    credentials: undefined,
  };
  return await pulls.run(identity, plan, source, undefined, signal);
}

/** What the image's names stand for: the index that leads to it, where there is one and the archive has it, else its manifest. */
async function topOf(
  { content, limits }: ImageParts,
  image: ArchivedImage,
): Promise<{ mediaType: string; bytes: Buffer }> {
  const [top] = image.targets;
  if (top !== undefined && top !== image.manifestDigest) {
    try {
      return { mediaType: "", bytes: await content.read(top, limits.manifestBytes) };
    } catch (reason) {
      if (!hasCode(reason, Code.NotFound)) throw reason;
    }
  }
  return { mediaType: image.manifest.mediaType, bytes: image.manifestBytes };
}
