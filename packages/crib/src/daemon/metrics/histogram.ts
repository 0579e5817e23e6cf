/** Upper bounds in seconds: from a status call to a pull. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 240];

interface Series {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Counts durations by labels, in the classic form of Prometheus. */
export class Histogram {
  readonly #series = new Map<string, Series>();

  /** `labels` in the text form: `flow="RunPodSandbox",outcome="done"`. */
  observe(labels: string, seconds: number): void {
    let series = this.#series.get(labels);
    if (series === undefined) {
      series = { counts: bounds.map(() => 0), sum: 0, count: 0 };
      this.#series.set(labels, series);
    }
    const index = bounds.findIndex((bound) => seconds <= bound);
    if (index >= 0) series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += seconds;
    series.count += 1;
  }

  /** Lines of the text format, for the metric `name`. */
  lines(name: string): string[] {
    return [...this.#series].flatMap(([labels, { counts, sum, count }]) => {
      let below = 0;
      const buckets = bounds.map((bound, index) => {
        below += counts[index] ?? 0;
        return `${name}_bucket{${labels},le="${bound}"} ${below}`;
      });
      return [
        ...buckets,
        `${name}_bucket{${labels},le="+Inf"} ${count}`,
        `${name}_sum{${labels}} ${sum}`,
        `${name}_count{${labels}} ${count}`,
      ];
    });
  }
}
