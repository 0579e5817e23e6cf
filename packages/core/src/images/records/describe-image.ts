import type { ContentStore } from "../../content/types.ts";
import type { ImageRecord } from "../types.ts";

const manifestLimitBytes = 4 * 1024 * 1024;

/** Configurations larger than this are refused. */
export const configLimitBytes: number = 8 * 1024 * 1024;

/**
 * What verbose ImageStatus shows: `chainID` and `imageSpec` as containerd has them, and what crib knows beyond. Errors as of
 * ContentStore.
 */
export async function describeImage(
  content: ContentStore,
  image: ImageRecord,
): Promise<Readonly<Record<string, unknown>>> {
  const [manifest, imageSpec] = await Promise.all([
    content.read(image.manifest, manifestLimitBytes),
    content.read(image.id, configLimitBytes),
  ]);
  const { size, unpacked, targets, layers, createdAt, pinned, runs } = image;
  return {
    chainID: layers.at(-1)?.chainId ?? "",
    imageSpec: JSON.parse(imageSpec.toString("utf8")) as unknown,
    manifest: JSON.parse(manifest.toString("utf8")) as unknown,
    manifestDigest: image.manifest,
    targets,
    layers,
    size,
    unpacked,
    pulledAt: createdAt,
    pinned,
    runs,
  };
}
