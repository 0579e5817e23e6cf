export { cgroupDirectoryOf } from "./cgroup-directory.ts";
export { createStats, type StatsOptions } from "./create-stats.ts";
export type * from "./types.ts";
