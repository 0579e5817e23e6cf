import { Code, StatusError } from "@crib/errdefs";

/** How much is kept, and for how long. */
export interface BacklogLimits {
  /** Items that wait for one reader, or for the first one. */
  readonly maxItems: number;
  /** Milliseconds that an item waits for the first reader. */
  readonly maxAgeMs: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
}

const defaults: BacklogLimits = { maxItems: 1_000, maxAgeMs: 5 * 60_000, now: () => performance.now() };

/** Items for any number of readers. While there is none, the newest are kept for the next one. */
export interface Backlog<T> {
  readonly readers: number;
  push(item: T): void;
  /** Ends all readers with the reason, and every later one. */
  fail(reason: unknown): void;
  /**
   * Items from now on; the first reader is given what was kept, and no other one is. Fails with ResourceExhausted when the reader
   * is too far behind, so that it knows it has missed something. Ends when left, or with `signal`.
   */
  read(signal: AbortSignal): AsyncGenerator<T>;
}

interface Reader<T> {
  readonly waiting: T[];
  failure: { readonly reason: unknown } | undefined;
  wake: () => void;
}

export function createBacklog<T>(limits: Partial<BacklogLimits> = {}): Backlog<T> {
  const { maxItems, maxAgeMs, now } = { ...defaults, ...limits };
  const readers = new Set<Reader<T>>();
  let kept: { readonly item: T; readonly at: number }[] = [];
  let failure: Reader<T>["failure"];
  const young = (): typeof kept => kept.filter(({ at }) => now() - at <= maxAgeMs);
  const keep = (item: T): void => {
    kept.push({ item, at: now() });
    // Seldom, so that a push costs little.
    if (kept.length > 2 * maxItems) kept = young().slice(-maxItems);
  };
  return {
    get readers(): number {
      return readers.size;
    },
    push(item): void {
      if (readers.size === 0) keep(item);
      for (const reader of readers) offer(reader, item, maxItems);
    },
    fail(reason): void {
      failure = { reason };
      for (const reader of readers) {
        reader.failure = failure;
        reader.wake();
      }
    },
    async *read(signal): AsyncGenerator<T> {
      const waiting = young()
        .slice(-maxItems)
        .map(({ item }) => item);
      kept = [];
      const reader: Reader<T> = { waiting, failure, wake: () => {} };
      readers.add(reader);
      const abort = (): void => reader.wake();
      signal.addEventListener("abort", abort, { once: true });
      try {
        yield* drain(reader, signal);
      } finally {
        signal.removeEventListener("abort", abort);
        readers.delete(reader);
      }
    },
  };
}

function offer<T>(reader: Reader<T>, item: T, maxItems: number): void {
  if (reader.waiting.length >= maxItems) {
    const reason = new StatusError(Code.ResourceExhausted, `the client is more than ${maxItems} messages behind`);
    reader.failure ??= { reason };
  } else reader.waiting.push(item);
  reader.wake();
}

async function* drain<T>(reader: Reader<T>, signal: AbortSignal): AsyncGenerator<T> {
  while (!signal.aborted) {
    if (reader.failure) throw reader.failure.reason;
    const item = reader.waiting.shift();
    if (item !== undefined) yield item;
    else await new Promise<void>((resolve) => (reader.wake = resolve));
  }
}
