import { openImageParts } from "./image-parts.ts";
import { ImageService } from "./image-service.ts";
import type { ImagesOptions } from "./images-options.ts";

/** Opens the images of a daemon. Bad records are reported, never fatal. Pulls begin once `recover` was called. */
export async function createImages(options: ImagesOptions): Promise<ImageService> {
  return new ImageService(await openImageParts(options));
}
