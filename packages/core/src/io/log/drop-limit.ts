import { type LineFormatter, maximumHeldBytes, type ReadBuffer } from "./line-formatter.ts";
import type { RateLimit } from "./rate-limit.ts";

const lineFeed = 10;

/**
 * Keeps one output of a container within the container's limit by dropping whole lines. Once it has to drop it does so until half a second's worth may be written,
 * and then writes one line that says how much was dropped.
 */
export class DropLimit {
  readonly #formatter: LineFormatter;
  readonly #rate: RateLimit;
  #droppedBytes = 0;
  #isDropping = false;
  /** The beginning of a line was dropped, so its rest is. */
  #isInLine = false;

  constructor(rate: RateLimit, formatter: LineFormatter) {
    this.#formatter = formatter;
    this.#rate = rate;
  }

  /** As `LineFormatter.write`. */
  write({ bytes, start }: ReadBuffer, end: number, nowMs: number): void {
    const allowance = this.#rate.allowance(nowMs);
    if (this.#isDropping && allowance < this.#rate.bytesPerSecond / 2) return this.#drop(bytes, start, end);
    this.#isDropping = false;
    const from = this.#skipLine(bytes, start, end);
    const to = end - from <= allowance ? end : cutAtLine(bytes, from, from + Math.floor(allowance));
    if (to > from) {
      this.sayDropped();
      this.#rate.take(to - from);
      this.#formatter.write({ bytes, start: from }, to);
    }
    if (to < end) {
      this.#isDropping = true;
      this.#drop(bytes, to, end);
    }
  }

  /** Says what was dropped and was not said yet. */
  sayDropped(): void {
    if (this.#droppedBytes === 0) return;
    const limit = `the limit is ${this.#rate.bytesPerSecond} bytes a second`;
    this.#formatter.say(`crib: ${this.#droppedBytes} bytes of output were dropped: ${limit}`);
    this.#droppedBytes = 0;
  }

  /** Where the first line begins whose beginning was not dropped. */
  #skipLine(bytes: Buffer, start: number, end: number): number {
    if (!this.#isInLine) return start;
    const next = bytes.subarray(0, end).indexOf(lineFeed, start);
    const from = next < 0 ? end : next + 1;
    this.#isInLine = next < 0;
    this.#droppedBytes += from - start;
    return from;
  }

  #drop(bytes: Buffer, start: number, end: number): void {
    this.#droppedBytes += end - start + this.#formatter.drop();
    this.#isInLine = bytes[end - 1] !== lineFeed;
  }
}

/** Where the last line ends that fits; without one, all that fits, if that is a long part of a line, or nothing. */
function cutAtLine(bytes: Buffer, from: number, to: number): number {
  const last = to <= from ? -1 : bytes.subarray(from, to).lastIndexOf(lineFeed);
  if (last >= 0) return from + last + 1;
  return to - from >= maximumHeldBytes ? to : from;
}
