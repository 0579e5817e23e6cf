import type { LogLimit } from "../../containers/types.ts";

/** Bytes that may be written now: as many in a second as the limit says, and one second's worth at once. */
export class RateLimit {
  readonly over: LogLimit["over"];
  readonly #bytesPerMs: number;
  readonly #burst: number;
  #tokens: number;
  #lastMs: number;

  constructor({ bytesPerSecond, over }: LogLimit, nowMs: number) {
    this.over = over;
    this.#bytesPerMs = Math.max(1, bytesPerSecond) / 1_000;
    this.#burst = Math.max(1, bytesPerSecond);
    this.#tokens = this.#burst;
    this.#lastMs = nowMs;
  }

  /** Bytes that may be written at once; below zero when more were than should have been. */
  allowance(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#lastMs) * this.#bytesPerMs);
    this.#lastMs = nowMs;
    return this.#tokens;
  }

  take(bytes: number): void {
    this.#tokens -= bytes;
  }

  /** Milliseconds until something may be written again; 0 when it may. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.ceil(-this.allowance(nowMs) / this.#bytesPerMs));
  }
}
