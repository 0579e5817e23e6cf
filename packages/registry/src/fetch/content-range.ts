/** What a 206 says that it has (RFC 9110, section 14.4). */
export interface ContentRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** Undefined where the server does not say (`*`). */
  readonly size: number | undefined;
}

/** Reads a Content-Range header; undefined for anything but one range of bytes with safe numbers. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(text?.trim() ?? "");
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const size = match[3] === "*" ? undefined : Number(match[3]);
  if (![first, last, size ?? 0].every(Number.isSafeInteger)) return undefined;
  return first <= last && (size === undefined || last < size) ? { first, last, size } : undefined;
}
