import { checkImageName } from "@crib/cri";

import { toAdminImage } from "./admin-image.ts";
import type { ImagesRpc } from "./rpc.ts";

/** Removes the image with all its names and gives what it was; an answer without an image when it was not there. */
export const remove: ImagesRpc<"remove"> = async ({ images }, { image }) => {
  const name = checkImageName({ image });
  const found = images.find(name);
  // By its id, so that a name that is moved to another image meanwhile takes nothing else along.
  if (found) await images.remove(found.id);
  return found ? { image: toAdminImage(found) } : {};
};
