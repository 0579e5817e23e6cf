/** How many events a slow reader may be behind before it loses the oldest. */
const defaultBacklog = 10_000;

/** Hands each event to every reader there is at that moment. */
export interface EventHub<T> {
  publish(event: T): void;
  /** Events from now on; ends when `signal` is aborted. A reader that falls behind loses the oldest ones. */
  watch(signal: AbortSignal): AsyncIterable<T>;
}

export function createEventHub<T>(backlog: number = defaultBacklog): EventHub<T> {
  const readers = new Set<{ readonly queue: T[]; wake: () => void }>();
  return {
    publish(event): void {
      for (const reader of readers) {
        if (reader.queue.length >= backlog) reader.queue.shift();
        reader.queue.push(event);
        reader.wake();
      }
    },
    watch(signal): AsyncIterable<T> {
      // Registered here, not at the first `next`, so that nothing published in between is missed.
      const reader = { queue: [] as T[], wake: (): void => {} };
      if (!signal.aborted) readers.add(reader);
      const leave = (): void => {
        readers.delete(reader);
        reader.wake();
      };
      signal.addEventListener("abort", leave, { once: true });
      return drain(reader, signal, leave);
    },
  };
}

async function* drain<T>(
  reader: { readonly queue: T[]; wake: () => void },
  signal: AbortSignal,
  leave: () => void,
): AsyncGenerator<T> {
  try {
    for (;;) {
      while (reader.queue.length > 0) {
        const event = reader.queue.shift();
        if (event !== undefined) yield event;
      }
      if (signal.aborted) return;
      await new Promise<void>((resolve) => (reader.wake = resolve));
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}
