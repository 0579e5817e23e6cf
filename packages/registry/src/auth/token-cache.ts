import { BoundedMap } from "../bounded-map.ts";
import type { Token } from "./token-request.ts";

/** The two clocks of the process, in milliseconds. */
export interface Clocks {
  /** Time of day; jumps when it is set. */
  readonly wall: () => number;
  /** Never jumps, but stands still while the machine sleeps. */
  readonly monotonic: () => number;
}

/** The clocks of the machine. */
export const machineClocks: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() };

interface Kept {
  readonly value: string;
  readonly wallEnd: number;
  readonly monotonicEnd: number;
}

const tokenLimit = 1_000;

/** Keeps access tokens in memory as long as both clocks say that they last, less a tenth (at most 10 s) for the way there. */
export class TokenCache {
  readonly #tokens = new BoundedMap<Kept>(tokenLimit);
  readonly #clocks: Clocks;

  constructor(clocks: Clocks = machineClocks) {
    this.#clocks = clocks;
  }

  find(key: string): string | undefined {
    const kept = this.#tokens.find(key);
    if (kept === undefined) return undefined;
    const lasts = this.#clocks.wall() < kept.wallEnd && this.#clocks.monotonic() < kept.monotonicEnd;
    if (!lasts) this.#tokens.delete(key);
    return lasts ? kept.value : undefined;
  }

  set(key: string, { value, lifeMs }: Token): void {
    const safeMs = lifeMs - Math.min(lifeMs / 10, 10_000);
    const [wall, monotonic] = [this.#clocks.wall(), this.#clocks.monotonic()];
    this.#tokens.set(key, { value, wallEnd: wall + safeMs, monotonicEnd: monotonic + safeMs });
  }

  delete(key: string): void {
    this.#tokens.delete(key);
  }
}
