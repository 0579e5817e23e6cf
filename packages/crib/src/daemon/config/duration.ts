const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const pattern = /^(?<count>0|[1-9]\d{0,8})(?<unit>ms|s|m|h)$/;

/** Milliseconds of a text such as `500ms`, `30s`, `4m`, `1h`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const groups = pattern.exec(text)?.groups;
  if (!groups) return undefined;
  return Number(groups["count"]) * (unitMs[groups["unit"] ?? ""] ?? Number.NaN);
}

/** The shortest text that `parseDuration` reads as these milliseconds. */
export function formatDuration(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const size = unitMs[unit] ?? 1;
    if (ms > 0 && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
