import { Code, hasCode } from "@crib/errdefs";

import { toImage } from "../conversion/image.ts";
import { offersHandler } from "../lookup/offers-handler.ts";
import { checkImageName } from "../validation/image-name.ts";
import type { ImageRpc } from "./rpc.ts";

/**
 * The image that a reference in any form, an id, the start of one or a digest names; an answer without an image when it is not
 * there, or not for this handler. Verbose adds manifest, configuration and layers as one JSON text.
 */
export const imageStatus: ImageRpc<"imageStatus"> = async ({ images, handlers }, { image: spec, verbose }) => {
  const name = checkImageName(spec);
  const image = offersHandler(handlers, spec?.runtimeHandler) ? images.find(name) : undefined;
  if (!image) return {};
  if (!verbose) return { image: toImage(image) };
  try {
    return { image: toImage(image), info: { info: JSON.stringify(await images.describe(image.id)) } };
  } catch (reason) {
    // It was removed while it was being read.
    if (hasCode(reason, Code.NotFound) && !images.find(image.id)) return {};
    throw reason;
  }
};
