import { Code, StatusError } from "@crib/errdefs";
import {
  type Descriptor,
  type Digest,
  digestOf,
  type ImageReference,
  mediaTypes,
  parseBoundedJson,
  parseManifest,
  parseReference,
} from "@crib/oci-spec";
import * as z from "zod";

import type { StoredFile } from "./archive-files.ts";
import { CollectedImages } from "./collect-images.ts";
import { storeBytes } from "./incoming-file.ts";
import { compressionOf } from "./open-archive.ts";
import { badArchive, type ImageResolver, type ResolvedImage } from "./resolve-image.ts";
import type { ArchivedImage, ArchiveSink } from "./types.ts";

/** One image of `manifest.json`: names of its files, and the names it has. */
export interface DockerImage {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly ImageReference[];
}

const imageLimit = 1_000;
const layerLimit = 512;

const schema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).max(layerLimit).nullish(),
  }),
);

/** Reads `manifest.json`. InvalidArgument, also for a name that is no image reference. */
export function parseDockerManifest(bytes: Buffer): readonly DockerImage[] {
  const value = parseBoundedJson(bytes, { bytes: bytes.length }, 'reading image archive: "manifest.json"');
  // Counted first: the schema would report each of too many.
  if (Array.isArray(value) && value.length > imageLimit) throw badArchive(`it has more than ${imageLimit} images`);
  const read = schema.safeParse(value);
  if (!read.success) {
    const issue = read.error.issues[0];
    throw badArchive(`"manifest.json": ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return read.data.map(({ Config, RepoTags, Layers }) => ({
    config: Config,
    layers: Layers ?? [],
    // What old Dockers wrote for an image without a name.
    names: (RepoTags ?? []).filter((name) => name !== "<none>:<none>").map(parseReference),
  }));
}

const layerTypes = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
} as const;

function findFile(resolver: ImageResolver, name: string): StoredFile {
  const file = resolver.files.find(name);
  if (file === undefined) throw badArchive(`it lacks file ${JSON.stringify(name.slice(0, 200))}`);
  return file;
}

function describeLayer({ digest, size, head }: StoredFile, diffId: Digest | undefined): Descriptor {
  const compression = compressionOf(head);
  if (compression === "none" && diffId?.startsWith("sha256:") && diffId !== digest) {
    throw new StatusError(Code.DataLoss, `reading image archive: layer "${diffId}" hashes to "${digest}"`);
  }
  return { mediaType: layerTypes[compression], digest, size };
}

/** The archive has no manifest: the one that is made says what is there, and is the same for the same files. */
async function makeImage(image: DockerImage, resolver: ImageResolver, sink: ArchiveSink): Promise<ResolvedImage> {
  const { digest, size } = findFile(resolver, image.config);
  const config = await resolver.loadConfig({ digest, size });
  if (config.diffIds.length !== image.layers.length) {
    throw badArchive(`image "${digest}" has ${config.diffIds.length} diff ids for ${image.layers.length} layers`);
  }
  const layers = image.layers.map((name, index) => describeLayer(findFile(resolver, name), config.diffIds[index]));
  const mediaType = mediaTypes.ociManifest;
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config: { mediaType: mediaTypes.ociConfig, digest, size }, layers }),
  );
  const manifest = parseManifest(bytes, mediaType);
  if (manifest.kind !== "manifest") throw new StatusError(Code.Internal, "a manifest that was made is none");
  await storeBytes(sink, bytes);
  const manifestDigest = digestOf(bytes);
  return { targets: [manifestDigest], manifest, manifestBytes: bytes, manifestDigest, config };
}

/** The images of an archive that `docker save` made. Errors: as of ImageResolver and CollectedImages. */
export async function readDockerArchive(
  resolver: ImageResolver,
  sink: ArchiveSink,
  manifest: Buffer,
): Promise<readonly ArchivedImage[]> {
  const images = new CollectedImages();
  for (const image of parseDockerManifest(manifest)) {
    await images.add(image.names, () => makeImage(image, resolver, sink));
  }
  return images.finish();
}
