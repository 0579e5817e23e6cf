/** A step of the system's clock back by less than this is not followed: the time stands still, but for nanoseconds, until it is reached again. */
const smallStepMs = 1_000;
/** `2026-11-21T07:23:48.123456789Z`. */
export const stampBytes = 30;

const lastDigit = stampBytes - 2;
const firstNano = 20;
const zero = 48;
const nine = 57;

/** Where the time comes from; in milliseconds. */
export interface ClockSource {
  /** Of the day, since 1970. */
  readonly wall: () => number;
  /** Since some moment, with fractions, never back. */
  readonly steady: () => number;
}

const systemClock: ClockSource = { wall: () => Date.now(), steady: () => performance.now() };

/**
 * Times of log lines, as ASCII in RFC 3339 with nine digits of nanoseconds, in UTC. Each is later than the one before, so that
 * sorting keeps the order of lines; only when the system's clock is set back by a second or more do they follow it.
 */
export class LogClock {
  /** A line's header, which begins with the time; the rest is the caller's. */
  readonly header: Buffer;
  readonly #source: ClockSource;
  #offsetMs: number;
  #second = -1;
  #nano = 0;

  constructor(headerBytes: number, source: ClockSource = systemClock) {
    this.header = Buffer.alloc(headerBytes, " ");
    this.#source = source;
    this.#offsetMs = source.wall() - source.steady();
  }

  /** Sets the header to the time of now. */
  stamp(): void {
    const { header } = this;
    const nowMs = this.#now();
    const second = Math.floor(nowMs / 1_000);
    const nano = Math.floor((nowMs - second * 1_000) * 1e6);
    const isBack = second < this.#second || (second === this.#second && nano <= this.#nano);
    if (isBack && this.#second - second < smallStepMs / 1_000 + 1) return this.advance();
    if (second !== this.#second) {
      this.#writeSecond(second);
    }
    this.#second = second;
    this.#nano = nano;
    for (let at = lastDigit, rest = nano; at >= firstNano; at -= 1, rest = Math.floor(rest / 10)) {
      header[at] = zero + (rest % 10);
    }
  }

  /** Makes the header's time one nanosecond later. */
  advance(): void {
    const { header } = this;
    this.#nano += 1;
    for (let at = lastDigit; at >= firstNano; at -= 1) {
      const digit = header[at] ?? zero;
      if (digit !== nine) {
        header[at] = digit + 1;
        return;
      }
      header[at] = zero;
    }
    this.#second += 1;
    this.#nano = 0;
    this.#writeSecond(this.#second);
  }

  #writeSecond(second: number): void {
    this.header.write(new Date(second * 1_000).toISOString().slice(0, firstNano - 1), "latin1");
    this.header.write(".", firstNano - 1);
    this.header.write("Z", stampBytes - 1);
  }

  /** The steady clock gives the fractions; it is set anew when the wall clock is elsewhere. */
  #now(): number {
    const steady = this.#source.steady();
    const wall = this.#source.wall();
    const drift = wall - (steady + this.#offsetMs);
    // The wall clock tells whole milliseconds, rounded down.
    if (drift > 2 || drift < -2) this.#offsetMs = wall - steady;
    return steady + this.#offsetMs;
  }
}
