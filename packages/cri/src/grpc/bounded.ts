import { Code, StatusError } from "@crib/errdefs";

/**
 * The items of `source`, of which at most `limit` wait for a slow reader; then the iteration fails with
 * ResourceExhausted, so that the reader knows it has missed something. `stop` has to end the source.
 */
export async function* bounded<T>(source: AsyncIterable<T>, limit: number, stop: () => void): AsyncGenerator<T> {
  const waiting: T[] = [];
  let ended = false;
  let failure: unknown;
  let wake = (): void => {};
  const pump = async (): Promise<void> => {
    for await (const item of source) {
      if (waiting.length >= limit) {
        throw new StatusError(Code.ResourceExhausted, `the client is more than ${limit} messages behind`);
      }
      waiting.push(item);
      wake();
    }
  };
  const pumping = pump()
    .catch((reason: unknown) => (failure = reason))
    .finally(() => {
      ended = true;
      wake();
    });
  try {
    for (;;) {
      if (failure) throw failure;
      const item = waiting.shift();
      if (item !== undefined) yield item;
      else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stop();
    await pumping;
  }
}
