import { batches } from "../conversion/batches.ts";
import { imageWeight, toImage } from "../conversion/image.ts";
import { filterImages } from "../lookup/filter-images.ts";
import type { ImageRpc } from "./rpc.ts";

/** The list of ListImages in messages that stay small however many images there are. */
export const streamImages: ImageRpc<"streamImages"> = async function* (deps, { filter }) {
  for (const images of batches(filterImages(deps, filter?.image), imageWeight)) yield { images: images.map(toImage) };
};
