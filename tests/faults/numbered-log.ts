import { equal, ok } from "node:assert/strict";

import type { LogLine } from "../support/containers/container.ts";

const digits = 10;

/**
 * Says numbers of ten digits on both streams, from 1 on, in bursts with a short pause after each, until `/enough` is there; then says
 * `end` on both.
 */
export const numberingScript = (burst: number): string => `i=0
until test -e /enough; do
  last=$((i+${burst}))
  while test $i -lt $last; do
    i=$((i+1))
    printf '%0${digits}d\\n' $i
    printf '%0${digits}d\\n' $i >&2
  done
  sleep 0.01
done
echo end
echo end >&2`;

/** What is left of the numbers that were said on one stream. */
export interface Numbers {
  /** Those of whole lines, which rise. */
  readonly numbers: readonly number[];
  /** Those that are missing, gap by gap. */
  readonly gaps: readonly number[];
  /** Lines of which only a part is there. */
  readonly partial: number;
}

/** Reads a stream of the log of such a container. Fails on what nobody has said, and on what is there twice. */
export function readNumbers(lines: readonly LogLine[], stream: LogLine["stream"]): Numbers {
  const numbers: number[] = [];
  let partial = 0;
  let isRest = false;
  for (const { text, tag } of lines.filter((line) => line.stream === stream)) {
    if (tag === "F" && !isRest && text.length === digits) numbers.push(Number(text));
    else if (text !== "end") partial++;
    isRest = tag === "P";
  }
  const gaps: number[] = [];
  for (const [index, number] of numbers.entries()) {
    const missing = number - (numbers[index - 1] ?? 0) - 1;
    ok(missing >= 0, `${stream}: ${number} comes after ${numbers[index - 1]}`);
    if (missing > 0) gaps.push(missing);
  }
  equal(numbers.some(Number.isNaN), false, `${stream}: not only numbers`);
  return { numbers, gaps, partial };
}
