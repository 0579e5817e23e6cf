/** A map with its keys in order, and without prototype: `toBinary` writes keys in the order of the object. */
export function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  const copy = Object.create(null) as Record<string, string>;
  for (const key of Object.keys(map).toSorted()) copy[key] = map[key] ?? "";
  return copy;
}
