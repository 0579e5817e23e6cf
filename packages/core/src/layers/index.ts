export type { LayerLimits, LayerUnpacker, UnpackJob, UnpackRun, UnpackedLayer } from "./types.ts";
