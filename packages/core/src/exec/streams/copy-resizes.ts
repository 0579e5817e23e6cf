import type { TerminalSize } from "../types.ts";

/**
 * Hands on the sizes of a terminal, one at a time, until there are no more or `ended` settles. `resize` never rejects.
 */
export async function copyResizes(
  sizes: AsyncIterable<TerminalSize>,
  ended: Promise<unknown>,
  resize: (size: TerminalSize) => Promise<void>,
): Promise<void> {
  const iterator = sizes[Symbol.asyncIterator]();
  const over = ended.then(
    () => undefined,
    () => undefined,
  );
  for (;;) {
    const next = await Promise.race([iterator.next(), over]);
    if (next === undefined) {
      // Not waited for: a generator that waits for a size ends only with the next one.
      void iterator.return?.();
      return;
    }
    if (next.done === true) return;
    if (next.value.width > 0 && next.value.height > 0) await resize(next.value);
  }
}
