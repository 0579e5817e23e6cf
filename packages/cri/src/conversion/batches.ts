/** How large a message of a list stream may grow, well below the 16 MiB that clients take. */
export interface BatchLimits {
  readonly maxItems: number;
  readonly maxWeight: number;
}

const defaults: BatchLimits = { maxItems: 1_000, maxWeight: 2 * 1024 * 1024 };

/** Splits a list into pieces that each fit in a message. An item heavier than the limit stands alone; an empty list has no piece. */
export function* batches<T>(
  items: Iterable<T>,
  weigh: (item: T) => number,
  { maxItems, maxWeight }: BatchLimits = defaults,
): Generator<T[]> {
  let batch: T[] = [];
  let weight = 0;
  for (const item of items) {
    const itemWeight = weigh(item);
    if (batch.length > 0 && (batch.length >= maxItems || weight + itemWeight > maxWeight)) {
      yield batch;
      batch = [];
      weight = 0;
    }
    batch.push(item);
    weight += itemWeight;
  }
  if (batch.length > 0) yield batch;
}
