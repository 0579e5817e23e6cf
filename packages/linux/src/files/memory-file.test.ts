import { equal } from "node:assert/strict";
import { closeSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { openDescriptors } from "../testing/host.ts";
import { openMemoryFile } from "./memory-file.ts";

test("a file in memory gives back all that was put in, from its start, and goes with its descriptor", () => {
  const before = openDescriptors();
  const content = Buffer.alloc(300_000, "0123456789");
  const fd = openMemoryFile(content);
  equal(readFileSync(fd).equals(content), true);
  closeSync(fd);
  equal(openDescriptors(), before);
});

test("an empty one is at its end at once", (t) => {
  const fd = openMemoryFile(new Uint8Array());
  t.after(() => closeSync(fd));
  equal(readFileSync(fd).length, 0);
});
