export { formatChecks } from "./format-checks.ts";
export { runChecks } from "./run-checks.ts";
export type { Level, NamedResult } from "./types.ts";
