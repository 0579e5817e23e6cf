import { setTimeout as delay } from "node:timers/promises";

const limitMs = 60_000;

/** Settles once a claim holds; fails, quoting it, when it does not in time, which no machine needs. */
export async function until(claim: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never came true: ${claim}`);
    await delay(2);
  }
}
