export { findLeaks, isClean } from "./find-leaks.ts";
export { formatLeaks } from "./format-leaks.ts";
export { leakConfigOf } from "./leak-config.ts";
export type { Finding, LeakConfig, LeakReport } from "./types.ts";
