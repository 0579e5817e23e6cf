import { batches, filterImages } from "@crib/cri";

import { adminImageWeight, toAdminImage } from "./admin-image.ts";
import type { ImagesRpc } from "./rpc.ts";

/** The images that a name means, as the filter of ListImages has it; all for an empty one. In messages that stay small. */
export const list: ImagesRpc<"list"> = async function* (deps, { image }) {
  for (const images of batches(filterImages(deps, { image }), adminImageWeight)) {
    yield { images: images.map(toAdminImage) };
  }
};
