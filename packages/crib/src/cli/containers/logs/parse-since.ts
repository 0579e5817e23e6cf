import { Code, StatusError } from "@crib/errdefs";

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * The moment that `--since` means, in milliseconds since 1970: a duration before now, such as `90s` or `1h30m`, or a time of RFC 3339.
 * InvalidArgument for anything else.
 */
export function parseSince(text: string, nowMs: number = Date.now()): number {
  if (/^(\d{1,9}[smhd])+$/.test(text)) {
    const parts = text.matchAll(/(\d+)([smhd])/g);
    return nowMs - parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0), 0);
  }
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new StatusError(
    Code.InvalidArgument,
    `reading --since "${text}": expected a duration such as 90s or 1h30m, or a time such as 2026-11-21T08:00:00Z`,
  );
}

/** Reads a number of lines. InvalidArgument for anything else. */
export function parseTail(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new StatusError(Code.InvalidArgument, `reading --tail "${text}": expected a number of lines`);
}
