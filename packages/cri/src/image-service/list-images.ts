import { toImage } from "../conversion/image.ts";
import { filterImages } from "../lookup/filter-images.ts";
import type { ImageRpc } from "./rpc.ts";

/** The images that the filter leaves. One message: a client that may have thousands of images asks StreamImages. */
export const listImages: ImageRpc<"listImages"> = (deps, { filter }) => ({
  images: filterImages(deps, filter?.image).map(toImage),
});
