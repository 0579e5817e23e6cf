import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import type { OutputName } from "../worker/messages.ts";
import { headerBytes, LineFormatter, type LineSink, maximumHeldBytes, type ReadBuffer } from "./line-formatter.ts";
import { LogClock } from "./log-clock.ts";

/** Formats pieces as if each had been read at once. Gives the bytes of the log. */
class FormatterBench implements LineSink {
  readonly buffer: Buffer;
  used = 0;
  readonly #read: ReadBuffer = { bytes: Buffer.alloc(64 * 1024, "\n"), start: maximumHeldBytes };
  readonly #written: Buffer[] = [];
  readonly formatter: LineFormatter;

  constructor(maxLineBytes = 16_384, bufferBytes = 256 * 1024, name: OutputName = "stdout") {
    this.buffer = Buffer.alloc(bufferBytes);
    this.formatter = new LineFormatter(name, maxLineBytes, new LogClock(headerBytes), this);
  }

  flush(): void {
    this.#written.push(Buffer.from(this.buffer.subarray(0, this.used)));
    this.used = 0;
  }

  write(piece: string | Uint8Array): this {
    const { bytes, start } = this.#read;
    const piecesOf = Buffer.from(piece as string);
    piecesOf.copy(bytes, start);
    this.formatter.write(this.#read, start + piecesOf.length);
    return this;
  }

  /** Lines without their times. */
  lines(): string[] {
    this.flush();
    const all = Buffer.concat(this.#written).toString("latin1");
    equal(all === "" || all.endsWith("\n"), true);
    return all
      .split("\n")
      .slice(0, -1)
      .map((line) => line.slice("2026-11-21T07:23:48.123456789Z ".length));
  }
}

const x = (count: number): string => "x".repeat(count);

for (const [what, maxLineBytes, pieces, expected] of [
  ["a line", 8, ["abc\n"], ["stdout F abc"]],
  ["no text", 8, ["\n\n"], ["stdout F ", "stdout F "]],
  ["a carriage return before the line feed", 8, ["abc\r\n\r\n"], ["stdout F abc", "stdout F "]],
  ["other carriage returns", 8, ["a\rb\r\r\n"], ["stdout F a\rb\r"]],
  ["a line in pieces", 8, ["a", "b", "", "c\nd"], ["stdout F abc"]],
  ["a carriage return and its line feed in two reads", 8, ["abc\r", "\n"], ["stdout F abc"]],
  ["exactly the longest line", 8, ["12345678\n"], ["stdout F 12345678"]],
  ["exactly the longest line with a carriage return", 8, ["12345678\r\n"], ["stdout F 12345678"]],
  ["one byte more", 8, ["123456789\n"], ["stdout P 12345678", "stdout F 9"]],
  ["twice the longest line", 8, ["1234567812345678\n"], ["stdout P 12345678", "stdout F 12345678"]],
  ["a long line in pieces", 8, ["12345", "67812", "3\n"], ["stdout P 12345678", "stdout F 123"]],
  ["the longest line without its end", 8, ["12345678"], []],
  ["bytes that are no UTF-8", 8, [Buffer.from([0xff, 0, 0xc3, 10])], ["stdout F \xff\0\xc3"]],
  ["no limit", 0, [`${x(16_384)}\n`], [`stdout F ${x(16_384)}`]],
  ["more than is ever held back", 65_536, [x(16_385), "\n"], [`stdout P ${x(16_385)}`, "stdout F "]],
] as const) {
  test(`lines of ${what}`, () => {
    const bench = new FormatterBench(maxLineBytes);
    for (const piece of pieces) bench.write(piece);
    deepEqual(bench.lines(), expected);
  });
}

test("what is held back is written as a part, and the line goes on", () => {
  const bench = new FormatterBench().write("ab");
  ok(bench.formatter.isHolding);
  bench.formatter.flush();
  bench.formatter.flush();
  ok(!bench.formatter.isHolding);
  bench.write("cd\ne");
  equal(bench.formatter.drop(), 1);
  deepEqual(bench.lines(), ["stdout P ab", "stdout F cd"]);
});

test("a line of our own is no part of the container's", () => {
  const bench = new FormatterBench(4, 4096, "stderr").write("12345");
  bench.formatter.say("ours");
  bench.write("6\n");
  bench.formatter.say("ours");
  deepEqual(bench.lines(), ["stderr P 1234", "stderr F ", "stderr F ours", "stderr F 56", "stderr F ours"]);
});

test("more lines than the buffer takes are written in turns, whole", () => {
  const bench = new FormatterBench(100, 256).write("\n".repeat(40_000)).write(`${x(1000)}\n`);
  const lines = bench.lines();
  equal(lines.length, 40_010);
  equal(lines.at(-1), `stdout F ${x(100)}`);
});

test("any way of reading gives the same text", () => {
  const text = Array.from({ length: 300 }, (_, index) => x((index * 37) % 90)).join("\n");
  for (const size of [1, 2, 3, 7, 41, 1000]) {
    const bench = new FormatterBench(64);
    for (let at = 0; at < text.length; at += size) bench.write(text.slice(at, at + size));
    bench.formatter.flush();
    const joined = bench.lines().map((line) => line.slice(9) + (line[7] === "F" ? "\n" : ""));
    equal(joined.join(""), text);
  }
});
