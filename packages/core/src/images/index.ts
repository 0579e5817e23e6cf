export { createImages } from "./create-images.ts";
export type { CollectOptions } from "./garbage/collector.ts";
export { ImageService } from "./image-service.ts";
export type { ImagesLog, ImagesOptions } from "./images-options.ts";
export { type LayerEntry, type NamedArchive, oneLayerArchive, type OneLayerImage } from "./one-layer-archive.ts";
export { pullImage } from "./pull/pull-image.ts";
export { removeImage } from "./remove/remove-image.ts";
export type {
  BlobVerdict,
  Collected,
  Image,
  ImageAdmin,
  ImageRecord,
  Images,
  PullEvent,
  PullRequest,
} from "./types.ts";
