import { equal } from "node:assert/strict";
import { test } from "node:test";

import { formatBytes } from "./format-size.ts";

test("sizes have three digits and a decimal unit", () => {
  const cases: [number | bigint, string][] = [
    [0, "0B"],
    [999, "999B"],
    [1_000, "1kB"],
    [999_600, "1MB"],
    [4_262_000n, "4.26MB"],
    [123_456_789, "123MB"],
    [5n * 10n ** 18n, "5000PB"],
  ];
  for (const [bytes, text] of cases) equal(formatBytes(bytes), text);
});
