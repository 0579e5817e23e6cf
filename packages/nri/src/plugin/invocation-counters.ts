import type { NriInvocations } from "../types.ts";

/** Counts calls by plugin, operation and status. */
export class InvocationCounters {
  readonly #counts = new Map<string, NriInvocations>();

  /** Adds one call. */
  add(plugin: string, operation: string, status: NriInvocations["status"], ms: number): void {
    const key = `${plugin}\0${operation}\0${status}`;
    const before = this.#counts.get(key) ?? { plugin, operation, status, count: 0, totalMs: 0, longestMs: 0 };
    this.#counts.set(key, {
      ...before,
      count: before.count + 1,
      totalMs: before.totalMs + ms,
      longestMs: Math.max(before.longestMs, ms),
    });
  }

  /** All of them, as of now. */
  snapshot(): readonly NriInvocations[] {
    return [...this.#counts.values()];
  }
}
