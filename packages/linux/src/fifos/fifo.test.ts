import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { makeFifo, openFifoReader, openFifoReadWrite, openFifoWriter } from "./fifo.ts";

function fifo(t: TestContext): string {
  const path = `${temporaryDirectory(t)}/fifo`;
  makeFifo(path);
  return path;
}

function write(path: string, text: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(fd, text);
  closeSync(fd);
}

async function untilClosed(socket: Socket): Promise<void> {
  socket.destroy();
  if (!socket.closed) await once(socket, "close");
}

test("a FIFO is private and is made once", (t) => {
  const path = fifo(t);
  const stats = statSync(path);
  equal(stats.isFIFO(), true);
  equal(stats.mode & 0o077, 0);
  throws(() => makeFifo(path), { code: Code.AlreadyExists, message: /^making FIFO ".*": EEXIST/ });
});

test("a reader waits for a writer without a thread and ends with it", async (t) => {
  const path = fifo(t);
  const before = openDescriptors();
  const readers = Array.from({ length: 8 }, () => openFifoReader(path));
  // More readers than the pool has threads, and none has a writer: other file calls still return.
  await stat(path);
  for (const socket of readers.slice(1)) await untilClosed(socket);
  const [reader] = readers;
  let text = "";
  reader?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  write(path, "hello");
  if (reader !== undefined) await once(reader, "end");
  equal(text, "hello");
  if (reader !== undefined) await untilClosed(reader);
  equal(openDescriptors(), before);
});

test("a reader that also holds the writing side outlives its writers", async (t) => {
  const path = fifo(t);
  const reader = openFifoReadWrite(path);
  t.after(() => reader.destroy());
  const chunks: string[] = [];
  reader.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  reader.on("end", () => chunks.push("end"));
  for (const text of ["one", "two"]) {
    write(path, text);
    await once(reader, "data");
  }
  deepEqual(chunks, ["one", "two"]);
});

test("a writer waits for a reader, or for the caller to give up", async (t) => {
  const path = fifo(t);
  const before = openDescriptors();
  await rejects(openFifoWriter(path, { signal: AbortSignal.timeout(30) }), { name: /AbortError|TimeoutError/ });
  equal(openDescriptors(), before);
  const opening = openFifoWriter(path);
  const cat = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => cat.kill("SIGKILL"));
  const writer = await opening;
  writer.end("to cat");
  const [output] = (await once(cat.stdout, "data")) as [Buffer];
  equal(output.toString(), "to cat");
  await once(cat, "close");
});

test("something that is no FIFO is not opened as one", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(`${directory}/file`, "");
  const before = openDescriptors();
  throws(() => openFifoReader(`${directory}/file`), { code: Code.FailedPrecondition });
  await rejects(openFifoWriter(`${directory}/file`), { code: Code.FailedPrecondition });
  throws(() => openFifoReader(`${directory}/none`), { code: Code.NotFound });
  equal(openDescriptors(), before);
});
