/**
 * Looks until `look` does not throw, every 20 ms, and gives what it gave; rejects with its last failure after
 * `withinMs`.
 */
export async function eventually<T>(withinMs: number, look: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + withinMs;
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
