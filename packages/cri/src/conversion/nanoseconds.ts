/** A time as the CRI writes it: nanoseconds since 1970. Zero for a text that is no time. */
export function toNanoseconds(time: Date | string): bigint {
  const milliseconds = typeof time === "string" ? Date.parse(time) : time.getTime();
  return Number.isNaN(milliseconds) ? 0n : BigInt(Math.trunc(milliseconds)) * 1_000_000n;
}
