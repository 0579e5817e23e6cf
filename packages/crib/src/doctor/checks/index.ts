export { formatChecks } from "./format-checks.ts";
export { runChecks } from "./run-checks.ts";
