export { runSandboxShim } from "./run-sandbox-shim.ts";
export type { SandboxShimOptions, ShimContext, ShimTasks } from "./types.ts";
