import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { LogDecoder, type LogEntry } from "@crib/cri-client";
import { Code } from "@crib/errdefs";

import { LastLines } from "./log-selection.ts";
import { parseSince } from "./parse-since.ts";
import { Timestamps } from "./timestamps.ts";

const time = "2026-11-21T08:00:00.000000000Z";
const log = `${time} stdout P par\n${time} stderr F err\n${time} stdout F tial\n${time} stdout F \n`;

function decode(size: number): readonly LogEntry[] {
  const decoder = new LogDecoder();
  const entries: LogEntry[] = [];
  for (let at = 0; at < log.length; at += size) entries.push(...decoder.decode(Buffer.from(log.slice(at, at + size))));
  return entries;
}
const short = ({ stream, text, isPartial }: LogEntry): string =>
  `${stream} ${isPartial ? "P" : "F"} ${text.toString()}`;

test("a log is read the same in pieces of any size", () => {
  for (const size of [1, 7, 1000]) {
    deepEqual(decode(size).map(short), ["stdout P par", "stderr F err", "stdout F tial", "stdout F "]);
  }
  throws(() => new LogDecoder().decode(Buffer.from("no log\n")), { code: Code.DataLoss });
});

test("the last lines have all their parts", () => {
  for (const [count, expected] of [
    [0, []],
    [1, ["stdout F "]],
    [2, ["stdout P par", "stdout F tial", "stdout F "]],
    [9, decode(9).map(short)],
  ] as const) {
    const last = new LastLines(count);
    for (const entry of decode(9)) last.add(entry);
    deepEqual(last.take().map(short), expected, `${count}`);
  }
});

test("a line has its time once", () => {
  const times = new Timestamps();
  deepEqual(
    decode(9).map((entry) => times.add(entry).text.toString()),
    [`${time} par`, `${time} err`, "tial", `${time} `],
  );
});

test("since is a duration or a time", () => {
  equal(parseSince("1h30m", 10_000_000), 10_000_000 - 5_400_000);
  equal(parseSince("2026-11-21T08:00:00Z"), Date.UTC(2026, 10, 21, 8));
  for (const text of ["", "1", "1y", "yesterday", "2026"])
    throws(() => parseSince(text), { code: Code.InvalidArgument });
});
