import { equal } from "node:assert/strict";
import { test } from "node:test";

import { formatSize, parseSize } from "./size.ts";

test("a size is a whole number and a binary unit", () => {
  equal(parseSize("512B"), 512);
  equal(parseSize("64KiB"), 65_536);
  equal(parseSize("4MiB"), 4_194_304);
  equal(parseSize("64GiB"), 2 ** 36);
  equal(parseSize("2TiB"), 2 ** 41);
  equal(parseSize("0B"), 0);
});

test("anything else is no size", () => {
  for (const text of [
    "",
    "4",
    "MiB",
    "4MB",
    "4 MiB",
    "4mib",
    "-4MiB",
    "1.5GiB",
    "04MiB",
    "9999999999B",
    "999999999TiB",
  ]) {
    equal(parseSize(text), undefined, text);
  }
});

test("a size is written in its largest whole unit", () => {
  for (const text of ["0B", "512B", "1KiB", "1536B", "4MiB", "64GiB", "5000TiB"]) {
    equal(formatSize(parseSize(text) ?? -1), text);
  }
});
