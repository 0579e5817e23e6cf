export type { DiskUsage, IdMappings, IdRange, LayerDirectory, MountSpec, Snapshot, Snapshots } from "./types.ts";
