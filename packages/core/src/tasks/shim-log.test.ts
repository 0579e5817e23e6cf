import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtemp, open, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { ShimLog } from "./shim-log.ts";

interface Said {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function logOf(t: TestContext): Promise<{ path: string; said: Said[]; log: ShimLog }> {
  const dir = await mkdtemp(join(tmpdir(), "crib-log-"));
  const path = join(dir, "log");
  const said: Said[] = [];
  const log = new ShimLog(path, "t1", (level, message, fields) => said.push({ level, message, fields }));
  t.after(async () => {
    log.close();
    await rm(dir, { recursive: true, force: true });
  });
  return { path, said, log };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 12_000 && !isTrue(); tries += 1) await sleep(5);
  ok(isTrue(), "it did not come to be");
}

/** Lets the reader have what is in the FIFO: as many turns of the event loop, however long the machine stalls in one. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await sleep(2);
}

test("lines are copied whole, whoever writes and leaves, and the last one at the end", async (t) => {
  const { path, said, log } = await logOf(t);
  equal(((await stat(path)).mode & 0o777).toString(8), "700");
  for (const text of ["one\ntw", "o\n", "rest"]) {
    // Non-blocking, as shims do it; the reader is there.
    await using writer = await open(path, "r+");
    await writer.write(text);
  }
  await until(() => said.length >= 2);
  await turns();
  log.close();
  deepEqual(
    said.map(({ fields }) => fields["line"]),
    ["one", "two", "rest"],
  );
  equal(said[0]?.fields["taskId"], "t1");
});

test("a flood is cut: long lines are shortened, too many counted", async (t) => {
  const { path, said, log } = await logOf(t);
  await using writer = await open(path, "r+");
  await writer.write(`${"x".repeat(10_000)}\n`);
  for (let count = 0; count < 40; count += 1) await writer.write(`${"y".repeat(4_000)}\n`);
  await until(() => said.length >= 16);
  await turns();
  log.close();
  const lines = said.filter(({ message }) => message === "shim says").map(({ fields }) => String(fields["line"]));
  ok(lines.every((line) => line.length <= 4_096));
  ok(lines.join("").length <= 64 * 1024);
  const dropped = said.find(({ message }) => message === "shim says too much");
  equal(Number(dropped?.fields["lines"]) + lines.length, 41);
});

test("something that is no FIFO is not taken for one", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-log-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, "log"), "x");
  let refused: unknown;
  try {
    new ShimLog(join(dir, "log"), "t1", () => undefined).close();
  } catch (error) {
    refused = (error as { code?: unknown }).code;
  }
  equal(refused, Code.FailedPrecondition);
});
