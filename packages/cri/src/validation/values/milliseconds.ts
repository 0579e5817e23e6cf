/** What timers of JavaScript take: about 24.8 days. */
const maxTimerMs = 2 ** 31 - 1;

/** Seconds of a request as milliseconds for a timer; less than zero is zero, more than a timer takes is as much as it takes. */
export function toMilliseconds(seconds: bigint): number {
  if (seconds <= 0n) return 0;
  return seconds > BigInt(maxTimerMs) / 1_000n ? maxTimerMs : Number(seconds) * 1_000;
}
