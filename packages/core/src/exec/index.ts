export { createExecs, type ExecsOptions } from "./create-execs.ts";
export { endLeftExecs, type LeftExecs } from "./process/end-left-execs.ts";
export type * from "./types.ts";
