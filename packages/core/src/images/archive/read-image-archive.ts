import { StatusError } from "@crib/errdefs";

import { archiveEvents } from "./archive-events.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { parseDockerManifest, readDockerArchive } from "./docker-archive.ts";
import { readLayout } from "./oci-layout.ts";
import { openArchive } from "./open-archive.ts";
import { receiveFiles } from "./receive-files.ts";
import { checkNames } from "./resolve-image.ts";
import { badArchive, ImageResolver } from "./resolve-image.ts";
import type { ArchivedImage, ArchiveLimits, ArchiveSink, ImageArchive, ReadArchiveOptions } from "./types.ts";

const defaultLimits: ArchiveLimits = {
  bytes: 256 * 2 ** 30,
  entries: 100_000,
  nameBytes: 16 << 20,
  documentBytes: 4 << 20,
  metadataBytes: 64 << 20,
};

/** Newer Dockers write both forms; names may then stand in `manifest.json` only. */
function withDockerNames(images: readonly ArchivedImage[], files: ArchiveFiles): readonly ArchivedImage[] {
  const bytes = files.document("manifest.json");
  if (bytes === undefined || images.every(({ references }) => references.length > 0)) return images;
  const entries = parseDockerManifest(bytes).map((entry) => ({ ...entry, digest: files.find(entry.config)?.digest }));
  return images.map((image) => {
    if (image.references.length > 0) return image;
    const names = entries.flatMap(({ digest, names }) => (digest === image.manifest.config.digest ? names : []));
    return { ...image, references: checkNames(names, image.targets) };
  });
}

/**
 * Reads an image archive, as it is or compressed with gzip or zstd: a tar of an OCI image layout (also what `docker save`,
 * `ctr images export`, skopeo and buildx write) or a docker-archive (`docker save` before version 25). Where it is both, the
 * layout counts. Files go to the sink by what they hash to, whatever the archive calls them; no name of the archive ever becomes a
 * path. All of it is hostile input. The sink keeps blobs that no image needs, and, after a failure, whatever had been committed.
 * Errors: InvalidArgument (no such archive, something is missing or contradictory), DataLoss (a digest is wrong),
 * ResourceExhausted (a limit), NotFound (images for other platforms only), Unimplemented (layers of a foreign kind),
 * Canceled, and whatever the source or sink throws.
 */
export async function readImageArchive(
  source: AsyncIterable<Uint8Array>,
  sink: ArchiveSink,
  options: ReadArchiveOptions,
  signal: AbortSignal,
): Promise<ImageArchive> {
  const limits = { ...defaultLimits, ...options.limits };
  try {
    const files = await receiveFiles(archiveEvents(openArchive(source, signal), limits), sink, limits);
    const resolver = new ImageResolver(files, sink, options.platform, limits);
    const layout = files.document("oci-layout");
    const index = files.document("index.json");
    if (layout !== undefined && index !== undefined) {
      return { format: "oci", images: withDockerNames(await readLayout(resolver, { layout, index }), files) };
    }
    const manifest = files.document("manifest.json");
    if (manifest !== undefined) {
      return { format: "docker", images: await readDockerArchive(resolver, sink, manifest) };
    }
  } catch (error) {
    throw StatusError.from(error);
  }
  throw badArchive('it is none: neither "oci-layout" and "index.json" nor "manifest.json" is there');
}
