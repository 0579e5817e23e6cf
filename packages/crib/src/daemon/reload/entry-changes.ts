import { isDeepStrictEqual } from "node:util";

/** How a reload changes one of several named entries of the configuration. */
export interface EntryChange<T> {
  readonly name: string;
  /** Absent for one that is removed. */
  readonly now?: T;
  readonly kind: "added" | "changed" | "removed";
}

/** What makes the entries in force those that are wanted. */
export function entryChanges<T>(
  inForce: ReadonlyMap<string, T>,
  wanted: Readonly<Record<string, T>>,
): readonly EntryChange<T>[] {
  const changes: EntryChange<T>[] = [];
  for (const [name, now] of Object.entries(wanted)) {
    const old = inForce.get(name);
    if (old === undefined) changes.push({ name, now, kind: "added" });
    else if (!isDeepStrictEqual(old, now)) changes.push({ name, now, kind: "changed" });
  }
  for (const name of inForce.keys()) {
    if (!Object.hasOwn(wanted, name)) changes.push({ name, kind: "removed" });
  }
  return changes;
}
