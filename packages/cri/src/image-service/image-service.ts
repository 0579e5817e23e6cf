import { imageFsInfo } from "./image-fs-info.ts";
import { imageStatus } from "./image-status.ts";
import { listImages } from "./list-images.ts";
import { pullImage } from "./pull-image.ts";
import { removeImage } from "./remove-image.ts";
import type { ImageHandlers } from "./rpc.ts";
import { streamImages } from "./stream-images.ts";

/** The ImageService, in the order of the CRI. */
export const imageService: ImageHandlers = {
  listImages,
  streamImages,
  imageStatus,
  pullImage,
  removeImage,
  imageFsInfo,
};
