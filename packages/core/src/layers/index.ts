export { createLayerUnpacker, type LayerUnpackerOptions } from "./layer-unpacker.ts";
export {
  readTar,
  type TarEntry,
  type TarEntryType,
  type TarEvent,
  type TarLimits,
  TarReader,
  type TarSink,
} from "./tar/index.ts";
export type {
  LayerLimits,
  LayerUnpacker,
  TreeCopier,
  TreePacker,
  UnpackJob,
  UnpackRun,
  UnpackedLayer,
} from "./types.ts";
