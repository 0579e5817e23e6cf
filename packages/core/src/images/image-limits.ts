import type { LayerLimits } from "../layers/types.ts";
import type { DocumentLimits } from "./images-options.ts";

/** What real images never meet. */
export const defaultLimits: LayerLimits & DocumentLimits = {
  unpackedBytes: 64 * 1024 ** 3,
  entries: 5_000_000,
  headerBytes: 1024 ** 2,
  pathBytes: 4_096,
  manifestBytes: 4 * 1024 ** 2,
  configBytes: 8 * 1024 ** 2,
  manifests: 1_000,
  layers: 512,
};
