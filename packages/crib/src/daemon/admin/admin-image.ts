import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Image } from "@crib/core";
import type { ImageSchema } from "@crib/wire/admin";

/** Characters of a user's name that are shown; it is the image's own, of any length. */
const maxUserLength = 256;

/** An image as the admin service shows it: with its layers, and what they take on disk. */
export function toAdminImage(image: Image): MessageInitShape<typeof ImageSchema> {
  const { os, architecture, variant } = image.platform;
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.size),
    unpackedBytes: BigInt(image.unpacked.bytes),
    unpackedInodes: BigInt(image.unpacked.inodes),
    createdAt: timestampFromDate(new Date(image.createdAt)),
    platform: [os, architecture, variant].filter(Boolean).join("/"),
    manifest: image.manifest,
    layers: image.layers.map(({ digest, size }) => ({ digest, size: BigInt(size) })),
    pinned: image.pinned,
    user: image.user.slice(0, maxUserLength),
  };
}

/** About how many bytes an image takes in a list. */
export function adminImageWeight({ repoTags, repoDigests, layers }: Image): number {
  return [...repoTags, ...repoDigests].reduce((sum, name) => sum + 3 * name.length, 1_500 + 100 * layers.length);
}
