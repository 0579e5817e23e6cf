/** How long is waited is patience, never what a test is about: machines are slow at times, and many tests share one. */
const patience = 8;

/** Milliseconds between two looks: a tenth of the time that was waited, within these bounds. A look may list the whole host. */
const pauses = { least: 20, most: 250 };

/**
 * Looks until `look` does not throw, and gives what it gave; rejects with its last failure after a multiple of `withinMs`, which are
 * those of a quick machine that does nothing else.
 */
export async function eventually<T>(withinMs: number, look: () => T | Promise<T>): Promise<T> {
  const began = performance.now();
  for (;;) {
    const passedMs = performance.now() - began;
    try {
      return await look();
    } catch (reason) {
      if (passedMs > withinMs * patience) throw reason;
    }
    await pause(Math.min(Math.max(pauses.least, passedMs / 10), pauses.most));
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
