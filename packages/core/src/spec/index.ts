export { buildContainerSpec } from "./build-container-spec.ts";
export { linuxResources } from "./resources/linux-resources.ts";
export type * from "./types.ts";
export { createVolumeStore } from "./volumes/volume-store.ts";
export type { VolumeStoreDeps } from "./volumes/types.ts";
