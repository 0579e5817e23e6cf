import { equal, ok } from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { makeFifo } from "@crib/linux";

import { pipeBytes, sealFifo, withoutSeal } from "./fifo-seal.ts";

const { O_RDWR, O_NONBLOCK } = constants;

for (const before of ["", "x", "x".repeat(4096), "x".repeat(pipeBytes - 4096)]) {
  test(`a FIFO with ${before.length} bytes is sealed, and what was before and comes after stays`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), "crib-seal-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "fifo");
    makeFifo(path);
    const fd = openSync(path, O_RDWR | O_NONBLOCK);
    t.after(() => closeSync(fd));
    if (before !== "") writeSync(fd, before);
    ok(sealFifo(path, "a"));
    ok(!sealFifo(path, "a"));
    let isFull = false;
    try {
      writeSync(fd, ".");
    } catch {
      isFull = true;
    }
    ok(isFull, "not a byte fits");
    const bytes = Buffer.alloc(2 * pipeBytes);
    const length = readSync(fd, bytes, 0, pipeBytes, null);
    bytes.write("after", length);
    const parts = withoutSeal(bytes.subarray(0, length + 5), "a");
    equal(Buffer.concat([...parts]).toString(), `${before}after`);
    equal(Buffer.concat([...withoutSeal(bytes, "b")]).length, bytes.length);
  });
}
