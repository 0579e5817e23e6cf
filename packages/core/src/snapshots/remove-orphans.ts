import type { Snapshots } from "./types.ts";

/**
 * Removes the snapshots whose owner is not known any more: a loss of power can take the row of an owner and give back the copy of what
 * it had. Layers have no owner and are left to the collection. Gives the owners that were unknown.
 */
export async function removeOrphans(
  snapshots: Pick<Snapshots, "list" | "find" | "remove">,
  isKnown: (owner: string) => boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const owners = new Set<string>();
  for (const { key, kind, owner } of snapshots.list()) {
    if (kind === "layer" || owner === undefined) continue;
    // Asked right before, since it may have come while another was removed.
    if (isKnown(owner) || !snapshots.find(key)) continue;
    await snapshots.remove(key, signal);
    owners.add(owner);
  }
  return [...owners];
}
