/** A version as three numbers, or undefined when the text has none; what follows the numbers is left out. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const [, major, minor, patch = "0"] = /(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

/** Whether `version` has a fix that appeared in each of these releases: one for each maintained line, in ascending order. */
export function hasFix(version: readonly [number, number, number], fixedIn: readonly string[]): boolean {
  const fixes = fixedIn.map(parseVersion).filter((each) => each !== undefined);
  const sameLine = fixes.find(([major, minor]) => major === version[0] && minor === version[1]);
  if (sameLine) return version[2] >= sameLine[2];
  const newest = fixes.at(-1);
  return newest !== undefined && compare(version, newest) > 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value - other;
  }
  return 0;
}
