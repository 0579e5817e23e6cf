export { createSnapshots, type SnapshotsOptions } from "./create-snapshots.ts";
export { removeOrphans } from "./remove-orphans.ts";
export type { DiskUsage, IdMappings, IdRange, LayerDirectory, MountSpec, Snapshot, Snapshots } from "./types.ts";
