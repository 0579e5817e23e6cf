import type { LogLimit } from "../../containers/types.ts";

/** Bytes that may be written now: as many in a second as the limit says, and one second's worth at once. */
export class RateLimit {
  readonly bytesPerSecond: number;
  #tokens: number;
  #lastMs: number;

  constructor({ bytesPerSecond }: LogLimit, nowMs: number) {
    this.bytesPerSecond = Math.max(1, bytesPerSecond);
    this.#tokens = this.bytesPerSecond;
    this.#lastMs = nowMs;
  }

  /** Bytes that may be written at once; below zero when more were than should have been. */
  allowance(nowMs: number): number {
    this.#tokens = Math.min(this.bytesPerSecond, this.#tokens + ((nowMs - this.#lastMs) * this.bytesPerSecond) / 1_000);
    this.#lastMs = nowMs;
    return this.#tokens;
  }

  take(bytes: number): void {
    this.#tokens -= bytes;
  }

  /** Milliseconds until something may be written again; 0 when it may. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.ceil((-this.allowance(nowMs) * 1_000) / this.bytesPerSecond));
  }
}
