import { deepEqual, equal, throws } from "node:assert/strict";
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { closeHeldReader, openFifoEnds } from "./fifo-ends.ts";
import { makeFifo, openFifoReader } from "./fifo.ts";

test("both ends open at once, block, and keep what is written", (t) => {
  const path = `${temporaryDirectory(t)}/fifo`;
  makeFifo(path);
  const before = openDescriptors();
  const { readFd, writeFd } = openFifoEnds(path);
  writeSync(writeFd, "kept");
  closeSync(writeFd);
  const late = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(8);
  equal(readSync(late, buffer), 4);
  closeSync(late);
  closeSync(readFd);
  equal(openDescriptors(), before);
});

test("a reader that comes after the last writer is told of the end", async (t) => {
  const path = `${temporaryDirectory(t)}/fifo`;
  makeFifo(path);
  const { readFd, writeFd } = openFifoEnds(path);
  writeSync(writeFd, "late");
  closeSync(writeFd);
  const reader = openFifoReader(path);
  t.after(() => reader.destroy());
  const all = text(reader);
  closeHeldReader(readFd);
  equal(await all, "late");
});

test("what is no FIFO is refused and nothing stays open", (t) => {
  const path = `${temporaryDirectory(t)}/file`;
  writeFileSync(path, "");
  const before = openDescriptors();
  throws(() => openFifoEnds(path), { code: Code.FailedPrecondition });
  throws(() => openFifoEnds(`${path}-none`), { code: Code.NotFound });
  deepEqual(openDescriptors(), before);
});
