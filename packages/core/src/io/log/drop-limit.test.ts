import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { DropLimit } from "./drop-limit.ts";
import { headerBytes, LineFormatter, type LineSink } from "./line-formatter.ts";
import { LogClock } from "./log-clock.ts";
import { RateLimit } from "./rate-limit.ts";

/** One output with a limit of 20 bytes a second. */
class LimitBench {
  readonly #sink: LineSink = { buffer: Buffer.alloc(4096), used: 0, flush: () => undefined };
  readonly #formatter = new LineFormatter("stdout", 8, new LogClock(headerBytes), this.#sink);
  readonly #limit = new DropLimit(new RateLimit({ bytesPerSecond: 20, over: "drop" }, 0), this.#formatter);

  /** What is written to the log for a piece that is read at a time. */
  at(seconds: number, piece: string): readonly string[] {
    this.#sink.used = 0;
    this.#limit.write({ bytes: Buffer.from(` ${piece}`), start: 1 }, piece.length + 1, seconds * 1000);
    const text = this.#sink.buffer.toString("latin1", 0, this.#sink.used);
    return text.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(headerBytes - 2)]));
  }
}

const told = (bytes: number): string => `F crib: ${bytes} bytes of output were dropped: the limit is 20 bytes a second`;

test("a second's worth passes at once, then whole lines are dropped, until half a second's worth may pass", () => {
  const bench = new LimitBench();
  deepEqual(bench.at(0, "1234567\n1234567\n1234567\n1234567\n"), ["F 1234567", "F 1234567"]);
  deepEqual(bench.at(0.2, "123\n12"), []);
  // The rest of a line whose beginning was dropped is dropped as well.
  deepEqual(bench.at(0.6, "3\n1234567\n"), [told(16 + 6 + 2), "F 1234567"]);
  deepEqual(bench.at(2, "123\n"), ["F 123"]);
  deepEqual(bench.at(2, "1"), []);
});

test("a line that was begun is ended, and dropped with its rest", () => {
  const bench = new LimitBench();
  deepEqual(bench.at(0, "1234567890"), ["P 12345678"]);
  deepEqual(bench.at(0, "1234567890123"), []);
  deepEqual(bench.at(1, "456\n123\n"), ["F ", told(2 + 13 + 4), "F 123"]);
});
