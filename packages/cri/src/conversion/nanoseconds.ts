/** Date and time to the second, fraction, and a zone that is UTC. */
const utc = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?Z$/;

/** A time as the CRI writes it: nanoseconds since 1970, exact for texts that tell them. Zero for a text that is no time. */
export function toNanoseconds(time: Date | string): bigint {
  const [, whole = "", fraction = ""] = typeof time === "string" ? (utc.exec(time) ?? []) : [];
  if (whole !== "") {
    const seconds = Date.parse(`${whole}Z`);
    return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  }
  const milliseconds = typeof time === "string" ? Date.parse(time) : time.getTime();
  return Number.isNaN(milliseconds) ? 0n : BigInt(Math.trunc(milliseconds)) * 1_000_000n;
}
