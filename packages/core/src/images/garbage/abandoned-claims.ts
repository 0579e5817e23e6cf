import type { PullFacts } from "../pull/types.ts";

/** What pulls that failed had named: for a while it is kept as if they still ran, since their callers try again. */
export class AbandonedClaims {
  readonly #keepMs: number;
  readonly #claims = new Map<string, { readonly facts: Partial<PullFacts>; readonly until: number }>();

  /** `keepMs` is how long. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  add(pullId: string, facts: Partial<PullFacts>): void {
    this.#claims.set(pullId, { facts, until: performance.now() + this.#keepMs });
  }

  /** Forgets them all, and gives what they keep to the next collection. */
  clear(): void {
    this.#claims.clear();
  }

  /** What is still kept. */
  list(): readonly Partial<PullFacts>[] {
    const now = performance.now();
    for (const [id, { until }] of this.#claims) {
      if (until <= now) this.#claims.delete(id);
    }
    return [...this.#claims.values()].map(({ facts }) => facts);
  }
}
