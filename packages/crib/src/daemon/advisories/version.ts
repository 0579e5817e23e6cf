/** A version as programs print theirs; what distributions append is left out. */
export interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  /** Which release candidate it is; absent: the release. */
  readonly candidate?: number;
}

/** The first version in a text, or undefined when it has none. */
export function parseVersion(text: string): Version | undefined {
  const form = /(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc\.?(\d+))?/.exec(text);
  if (!form) return undefined;
  const [, major, minor, patch = "0", candidate] = form;
  const numbers = [Number(major), Number(minor), Number(patch)] as const;
  return { numbers, ...(candidate !== undefined && { candidate: Number(candidate) }) };
}

/** A version as runc writes its own, such as `1.4.0-rc.3`. */
export function formatVersion({ numbers, candidate }: Version): string {
  return `${numbers.join(".")}${candidate === undefined ? "" : `-rc.${candidate}`}`;
}

/** Whether `version` has a fix that appeared in each of these releases: one for each maintained line, in ascending order. */
export function hasFix(version: Version, fixedIn: readonly string[]): boolean {
  const fixes = fixedIn.map(parseVersion).filter((each) => each !== undefined);
  const [major, minor] = version.numbers;
  const sameLine = fixes.find(({ numbers }) => numbers[0] === major && numbers[1] === minor);
  if (sameLine) return compare(version, sameLine) >= 0;
  const newest = fixes.at(-1);
  return newest !== undefined && compare(version, newest) > 0;
}

function compare(a: Version, b: Version): number {
  for (const [index, value] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0;
    if (value !== other) return value - other;
  }
  if (a.candidate === b.candidate) return 0;
  return (a.candidate ?? Infinity) - (b.candidate ?? Infinity);
}
