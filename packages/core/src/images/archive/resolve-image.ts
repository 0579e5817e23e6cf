import { Code, hasCode, StatusError } from "@crib/errdefs";
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type ImageReference,
  isIndexType,
  isManifestType,
  mediaTypes,
  parseImageConfig,
  parseManifest,
  type PlatformName,
  selectPlatform,
} from "@crib/oci-spec";

import type { ArchiveFiles } from "./archive-files.ts";
import type { ArchivedImage, ArchiveLimits, ArchiveSink } from "./types.ts";

const manifestBytes = 4 << 20;
const configBytes = 8 << 20;
/** Indexes below indexes; two are the most that tools write. */
const depthLimit = 4;

/** An image without its names. */
export type ResolvedImage = Omit<ArchivedImage, "references">;

/** The error of an archive that is not what it should be. */
export function badArchive(why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `reading image archive: ${why}`);
}

/** Reads the images of an archive whose files the sink has. */
export class ImageResolver {
  readonly files: ArchiveFiles;
  readonly platform: PlatformName;
  readonly #sink: ArchiveSink;
  readonly #known = new Map<Digest, Promise<ResolvedImage>>();
  #budget: number;

  constructor(files: ArchiveFiles, sink: ArchiveSink, platform: PlatformName, limits: ArchiveLimits) {
    this.files = files;
    this.platform = platform;
    this.#sink = sink;
    this.#budget = limits.metadataBytes;
  }

  /**
   * The image that a descriptor leads to. NotFound when it is for other platforms only; InvalidArgument when something is
   * missing or wrong.
   */
  resolve(descriptor: Descriptor): Promise<ResolvedImage> {
    const known = this.#known.get(descriptor.digest) ?? this.#resolve(descriptor, 1);
    this.#known.set(descriptor.digest, known);
    return known;
  }

  async #resolve(descriptor: Descriptor, depth: number): Promise<ResolvedImage> {
    const { digest, mediaType } = descriptor;
    if (depth > depthLimit) throw badArchive(`indexes lie more than ${depthLimit} deep, the last is "${digest}"`);
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) throw badArchive(`blob "${digest}" is no manifest`);
    const bytes = await this.#load(descriptor, manifestBytes);
    const manifest = parseManifest(bytes, mediaType);
    if (manifest.kind === "index") {
      const below = await this.#resolve(selectPlatform(manifest, this.platform), depth + 1);
      return { ...below, targets: [digest, ...below.targets] };
    }
    const config = await this.loadConfig(manifest.config);
    this.#check(manifest, config);
    return { targets: [digest], manifest, manifestBytes: bytes, manifestDigest: digest, config };
  }

  /** Reads a configuration. NotFound when it is for another platform. */
  async loadConfig(descriptor: Pick<Descriptor, "digest" | "size">): Promise<ImageConfig> {
    const config = parseImageConfig(await this.#load(descriptor, configBytes));
    // A configuration that names no processor may be for any.
    if (config.platform.architecture !== "") {
      const entry = { ...descriptor, mediaType: mediaTypes.ociManifest, platform: config.platform };
      selectPlatform({ kind: "index", mediaType: mediaTypes.ociIndex, manifests: [entry] }, this.platform);
    }
    return config;
  }

  #check(manifest: ImageManifest, config: ImageConfig): void {
    if (manifest.layers.length !== config.diffIds.length) {
      throw badArchive(
        `image "${manifest.config.digest}" has ${config.diffIds.length} diff ids for ${manifest.layers.length} layers`,
      );
    }
    for (const layer of manifest.layers) this.#checkPresent(layer);
  }

  #checkPresent({ digest, size }: Pick<Descriptor, "digest" | "size">): void {
    const actual = this.files.sizeOf(digest);
    if (actual === undefined) throw badArchive(`it lacks blob "${digest}"`);
    if (actual !== size) throw badArchive(`blob "${digest}" has ${actual} bytes, its descriptor says ${size}`);
  }

  async #load(descriptor: Pick<Descriptor, "digest" | "size">, limit: number): Promise<Buffer> {
    this.#checkPresent(descriptor);
    this.#budget -= descriptor.size;
    if (this.#budget < 0) {
      throw new StatusError(
        Code.ResourceExhausted,
        "reading image archive: its manifests and configurations are too large",
      );
    }
    try {
      return await this.#sink.readBlob(descriptor.digest, limit);
    } catch (error) {
      // NotFound has another meaning here.
      if (!hasCode(error, Code.NotFound)) throw error;
      throw new StatusError(Code.DataLoss, `reading image archive: blob "${descriptor.digest}" is gone`, {
        cause: error,
      });
    }
  }
}

/** Names of an image, each once. InvalidArgument when one has a digest that does not lead to the image. */
export function checkNames(names: readonly ImageReference[], targets: readonly Digest[]): readonly ImageReference[] {
  const wrong = names.find(({ digest }) => digest !== undefined && !targets.includes(digest));
  if (wrong !== undefined) {
    throw badArchive(`the name of image "${targets[0]}" says that its digest is "${wrong.digest}"`);
  }
  return names;
}
