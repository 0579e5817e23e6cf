import type { SandboxStore } from "../metadata/sandbox-store.ts";
import type { Strays } from "./strays.ts";

/**
 * Ends what an earlier daemon started and left running, before any row is undone or finished: helpers of rows that are
 * half-way, and everything of ids that have no row. Nothing of a quarantined record is touched: its pod may run.
 */
export async function endLeftStrays(store: SandboxStore, strays: Strays): Promise<void> {
  const found = await strays.rows();
  const quarantined = new Set(store.quarantined.map(({ id }) => id));
  const halfMade = new Set<string>();
  const halfGone = new Set<string>();
  for (const id of found) {
    const state = store.find(id)?.state;
    if (state === "creating" || (state === undefined && !quarantined.has(id))) halfMade.add(id);
    else if (state === "stopping" || state === "removing") halfGone.add(id);
  }
  await Promise.all([
    halfMade.size > 0 ? strays.end(halfMade, { shimsToo: true }) : undefined,
    halfGone.size > 0 ? strays.end(halfGone, { shimsToo: false }) : undefined,
  ]);
}
