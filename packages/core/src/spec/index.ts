export { buildContainerSpec } from "./build-container-spec.ts";
export { loadDefaultAppArmorProfile } from "./process/apparmor/load-default-profile.ts";
export { linuxResources } from "./resources/linux-resources.ts";
export { hasSwapAccounting } from "./resources/swap-accounting.ts";
export type * from "./types.ts";
export { createVolumeStore } from "./volumes/volume-store.ts";
export type { VolumeStoreDeps } from "./volumes/types.ts";
