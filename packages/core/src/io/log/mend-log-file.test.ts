import { equal } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { mendLogFile } from "./mend-log-file.ts";

const header = "2026-11-21T07:23:48.123456789Z stdout F ";
const whole = `${header}whole\n`;

for (const [what, before, after] of [
  ["nothing", "", ""],
  ["whole lines", whole, whole],
  ["a torn text", `${whole}${header}begi`, `${whole}${header.replace("F", "P")}begi\n`],
  ["no text yet", `${whole}${header}`, `${whole}${header.replace("F", "P")}\n`],
  ["a torn header", `${whole}${header.slice(0, -1)}`, whole],
  ["a torn time", `${whole}2`, whole],
  ["a torn first line", header.slice(0, 20), ""],
  ["a line that is no log's", `${whole}something else`, whole],
  [
    "a text longer than a block",
    `${whole}${header}${"x".repeat(200_000)}`,
    `${whole}${header.replace("F", "P")}${"x".repeat(200_000)}\n`,
  ],
] as const) {
  test(`a log with ${what} is mended`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), "crib-mend-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "log");
    writeFileSync(path, before);
    mendLogFile(path);
    equal(readFileSync(path, "utf8"), after);
    mendLogFile(path);
    equal(readFileSync(path, "utf8"), after);
    mendLogFile(join(directory, "none"));
    mendLogFile(directory);
  });
}
