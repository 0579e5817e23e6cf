/** Nanoseconds since 1970 of an ISO 8601 time, with all of its digits; 0 for none or one that cannot be read. */
export function nanoseconds(time: string | undefined): bigint {
  const [, whole = "", fraction = "", zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\d*(Z|[+-]\d\d:\d\d)$/.exec(time ?? "") ?? [];
  const seconds = Date.parse(whole + zone);
  // Milliseconds since 1970 are far below 2^53: whole numbers until here, then no floats any more.
  return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
