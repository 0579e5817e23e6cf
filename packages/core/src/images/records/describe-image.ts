import type { ContentStore } from "../../content/types.ts";
import type { DocumentLimits } from "../images-options.ts";
import type { ImageRecord } from "../types.ts";

/**
 * What verbose ImageStatus shows: `chainID` and `imageSpec` as containerd has them, and what crib knows beyond. Errors as of
 * ContentStore.
 */
export async function describeImage(
  content: ContentStore,
  limits: DocumentLimits,
  image: ImageRecord,
): Promise<Readonly<Record<string, unknown>>> {
  const [manifest, imageSpec] = await Promise.all([
    content.read(image.manifest, limits.manifestBytes),
    content.read(image.id, limits.configBytes),
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
