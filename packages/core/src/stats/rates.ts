/** Nanoseconds that two readings must lie apart to be worth a rate. */
const shortest = 1_000_000_000n;
/** Nanoseconds after which an older reading says nothing of the moment. */
const longest = 120_000_000_000n;

interface Reading {
  readonly atNanos: bigint;
  readonly usageNanos: bigint;
}

/**
 * CPU time in each second, from the readings that clients ask for. Readings are kept for `longest`; the rate is over the
 * time since the last one that is at least a second old, so that many clients do not spoil it for each other.
 */
export class CpuRates {
  readonly #readings = new Map<string, { base: Reading; last: Reading }>();

  /** Nanoseconds of CPU time in a second; undefined at the first reading of a key. */
  add(key: string, usageNanos: bigint, atNanos: bigint): bigint | undefined {
    const reading = { atNanos, usageNanos };
    const known = this.#readings.get(key);
    if (known === undefined || atNanos - known.base.atNanos > longest || usageNanos < known.last.usageNanos) {
      this.#readings.set(key, { base: reading, last: reading });
      this.#forget(atNanos);
      return undefined;
    }
    // Two readings apart is enough history: the older serves until the newer one is old enough itself.
    const base = atNanos - known.last.atNanos >= shortest ? known.last : known.base;
    const elapsed = atNanos - base.atNanos;
    if (elapsed >= shortest) this.#readings.set(key, { base, last: reading });
    return elapsed < shortest ? undefined : ((usageNanos - base.usageNanos) * 1_000_000_000n) / elapsed;
  }

  #forget(nowNanos: bigint): void {
    for (const [key, { last }] of this.#readings) if (nowNanos - last.atNanos > longest) this.#readings.delete(key);
  }
}
