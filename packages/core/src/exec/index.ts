export { createExecs, type ExecsOptions } from "./create-execs.ts";
export { endLeftExecs, type LeftExecs } from "./end-left-execs.ts";
export type * from "./types.ts";
