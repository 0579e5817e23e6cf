import type { ShimControllerBudgets } from "./types.ts";

/** The defaults, where nothing else is said. */
export function resolveBudgets(budgets: Partial<ShimControllerBudgets> = {}): ShimControllerBudgets {
  return { start: 60_000, stop: 10_000, shutdown: 5_000, other: 5_000, ...budgets };
}
