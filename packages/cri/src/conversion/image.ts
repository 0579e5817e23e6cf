import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Image } from "@crib/core";
import { parseImageUser } from "@crib/oci-spec";
import type { ImageSchema } from "@crib/wire/cri";

/** Characters of a user's name that are shown. The name is the image's own, of any length; no system has one as long. */
const maxUserLength = 256;

/**
 * An image as the CRI shows it. `spec` names no runtime handler: all handlers share the one store, so that the kubelet's
 * collection of unused images counts each once.
 */
export function toImage(image: Image): MessageInitShape<typeof ImageSchema> {
  const { uid, username } = parseImageUser(image.user);
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.size),
    // Neither means that it runs as root, which the kubelet refuses for pods with runAsNonRoot.
    ...(uid !== undefined && { uid: { value: uid } }),
    ...(username !== undefined && { username: username.slice(0, maxUserLength) }),
    spec: { image: image.id },
    pinned: image.pinned,
  };
}

/** About how many bytes an image takes in a list. */
export function imageWeight({ repoTags, repoDigests, user }: Image): number {
  return [...repoTags, ...repoDigests, user.slice(0, maxUserLength)].reduce((sum, text) => sum + 3 * text.length, 512);
}
