/** The mark before the key of an entry that is to go. */
const removalMark = "-";

/** A list with a plugin's entries: those whose key is marked go, others take the place of the one with their key or come last. */
export function adjustList<T, A>(
  list: readonly T[],
  keyOf: (entry: T) => string,
  adjustments: readonly A[],
  adjustedKeyOf: (adjustment: A) => string,
  made: (adjustment: A) => T,
): readonly T[] {
  if (adjustments.length === 0) return list;
  const removed = new Set<string>();
  const set = new Map<string, T>();
  for (const adjustment of adjustments) {
    const key = adjustedKeyOf(adjustment);
    if (key.startsWith(removalMark)) removed.add(key.slice(removalMark.length));
    else set.set(key, made(adjustment));
  }
  const result: T[] = [];
  for (const entry of list) {
    const key = keyOf(entry);
    const instead = set.get(key);
    set.delete(key);
    if (instead !== undefined) result.push(instead);
    else if (!removed.has(key)) result.push(entry);
  }
  return [...result, ...set.values()];
}

/** As `adjustList`, of a map. */
export function adjustMap<T>(
  map: Readonly<Record<string, T>> | undefined,
  adjustments: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> | undefined {
  const entries = Object.entries(adjustments);
  if (entries.length === 0) return map;
  const adjusted = adjustList(Object.entries(map ?? {}), first, entries, first, (entry) => entry);
  return Object.fromEntries(adjusted);
}

function first(entry: readonly [string, unknown]): string {
  return entry[0];
}
