/** How much more time there is where many tests share a machine: how long is waited is patience, never what a test is about. */
const patience = process.env["CRIB_TESTS_SIDE_BY_SIDE"] === "1" ? 4 : 1;

/**
 * Looks until `look` does not throw, every 20 ms, and gives what it gave; rejects with its last failure after `withinMs`, which are
 * those of a machine that does nothing else.
 */
export async function eventually<T>(withinMs: number, look: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + withinMs * patience;
  for (;;) {
    try {
      return await look();
    } catch (reason) {
      if (performance.now() > end) throw reason;
    }
    await pause(20);
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
