/** The name of a number of an enumeration; the first one for a number that has none, which a check has ruled out. */
export function nameOf(names: Readonly<Record<string, number>>, number: number): string {
  const all = Object.entries(names);
  return (all.find(([, value]) => value === number) ?? all[0])?.[0] ?? "";
}
