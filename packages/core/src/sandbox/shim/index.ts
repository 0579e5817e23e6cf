export { createShimController } from "./controller.ts";
export type { ShimControllerBudgets, ShimControllerOptions } from "./types.ts";
