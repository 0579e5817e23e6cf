import type { Digest } from "@crib/oci-spec";

import type { PullFacts, PullRecord } from "../pull/types.ts";

interface Claim {
  readonly reference: string;
  readonly facts: Partial<PullFacts>;
  readonly until: number;
}

/** What pulls that failed had named: for a while it is kept as if they still ran, since their callers try again. */
export class AbandonedClaims {
  readonly #keepMs: number;
  readonly #claims = new Map<string, Claim>();
  readonly #givenUp = new Set<string>();

  /** `keepMs` is how long. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  add({ id, plan, facts }: PullRecord): void {
    this.#claims.set(id, { reference: plan.reference, facts, until: performance.now() + this.#keepMs });
  }

  /**
   * Forgets those of pulls of this image, or of what had this name then: another try has succeeded. `undone` are rows of failed
   * pulls that are still to be taken back.
   */
  fulfil(imageId: Digest, reference: string, undone: readonly PullRecord[]): void {
    const isSame = (facts: Partial<PullFacts>, name: string): boolean =>
      name === reference || facts.config?.digest === imageId;
    for (const [id, claim] of this.#claims) {
      if (isSame(claim.facts, claim.reference)) this.#claims.delete(id);
    }
    for (const { id, facts, plan } of undone) {
      if (isSame(facts, plan.reference)) this.giveUp(id);
    }
  }

  /** Nothing of a pull is kept any more, although its row is still there. */
  giveUp(pullId: string): void {
    this.#givenUp.add(pullId);
  }

  isGivenUp(pullId: string): boolean {
    return this.#givenUp.has(pullId);
  }

  /** The row of a pull that was given up is gone. */
  rowGone(pullId: string): void {
    this.#givenUp.delete(pullId);
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
