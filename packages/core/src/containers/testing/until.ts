import { setTimeout as delay } from "node:timers/promises";

/** Looks again and again until it is so, at most 5 s. */
export async function until(look: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!look()) {
    if (performance.now() > end) throw new Error("it does not come to be");
    await delay(5);
  }
}
