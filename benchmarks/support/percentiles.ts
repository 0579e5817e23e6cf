/** Nearest-rank percentiles of a sample, in the sample's unit. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function percentiles(sample: readonly number[]): Percentiles {
  const sorted = sample.toSorted((a, b) => a - b);
  const at = (rank: number): number => sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) };
}
