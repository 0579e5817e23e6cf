import { equal } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { lastRuntimeError } from "./runtime-log.ts";

test("the last error of a log is what counts, and a log that is none says nothing", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "crib-log-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "log.json");
  equal(lastRuntimeError(file), undefined);
  const lines = [
    '{"level":"error","msg":"first","time":"x"}',
    '{"level":"error","msg":"second "}',
    '{"level":"warning","msg":"third"}',
    "null",
    '{"level":"error","msg":"cut o',
  ];
  writeFileSync(file, lines.join("\n"));
  equal(lastRuntimeError(file), "second");
  writeFileSync(file, "no json\n");
  equal(lastRuntimeError(file), undefined);
});
