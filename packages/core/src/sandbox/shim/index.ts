export type { ShimControllerBudgets, ShimControllerOptions } from "./types.ts";
