import { offersHandler } from "../lookup/offers-handler.ts";
import { checkImageName } from "../validation/image-name.ts";
import type { ImageRpc } from "./rpc.ts";

/** Removes the image with all its names. One that is not there, or not for this handler, succeeds. */
export const removeImage: ImageRpc<"removeImage"> = async ({ images, handlers }, { image: spec }) => {
  const name = checkImageName(spec);
  if (offersHandler(handlers, spec?.runtimeHandler)) await images.remove(name);
  return {};
};
