import { Code, hasCode, StatusError } from "@crib/errdefs";
import { parseManifest } from "@crib/oci-spec";

import type { ContentStore } from "../../content/types.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { DocumentLimits, ImagesLog } from "../images-options.ts";
import type { Pulls } from "../pull/pulls.ts";
import type { ImageStore } from "../records/image-store.ts";
import type { RemovalLife } from "../remove/removal-life.ts";
import { contentSource } from "../sources/content-source.ts";
import type { ImageRecord } from "../types.ts";

/** What making images whole works with. */
export interface RebuildDeps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly pulls: Pulls;
  readonly removals: RemovalLife;
  readonly limits: DocumentLimits;
  readonly log: ImagesLog;
}

/**
 * Unpacks again, from their blobs, the layers of images that have lost them, one image after another. An image whose blobs are
 * gone or damaged too is removed, so that whoever needs it pulls it. Never rejects.
 */
export async function rebuildImages(deps: RebuildDeps, signal: AbortSignal): Promise<void> {
  const { images, snapshots, removals, log } = deps;
  const incomplete = images
    .list()
    .filter(({ state, layers }) => state === "ready" && layers.some(({ chainId }) => !snapshots.find(chainId)));
  for (const image of incomplete) {
    if (signal.aborted) return;
    try {
      await rebuild(deps, image, signal);
    } catch (reason) {
      if (signal.aborted) return;
      log.warn({ imageId: image.id, error: StatusError.from(reason).message }, "image cannot be made whole");
      if (isHopeless(reason)) await removals.remove(image.id).catch(() => {}); // it was logged and is tried again
    }
  }
}

async function rebuild(
  { content, pulls, limits }: RebuildDeps,
  { id, manifest, platform, pinned }: ImageRecord,
  signal: AbortSignal,
): Promise<void> {
  const bytes = await content.read(manifest, limits.manifestBytes);
  const { mediaType } = parseManifest(bytes, undefined, { bytes: limits.manifestBytes, layers: limits.layers });
  const source = contentSource(content, { mediaType, bytes }, limits.manifestBytes);
  const identity = { reference: id, handler: "rebuild", credentials: undefined };
  const plan = { reference: id, repositories: [], tags: [], handler: "", platform, pinned };
  await pulls.run(identity, plan, source, undefined, signal);
}

function isHopeless(reason: unknown): boolean {
  return [Code.NotFound, Code.DataLoss, Code.InvalidArgument].some((code) => hasCode(reason, code));
}
