import { deepEqual, rejects } from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { writeWhole } from "./write-whole.ts";

async function makeDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-write-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function* chunks(...texts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

test("a file has all chunks in order, and replaces an older one", async (t) => {
  const dir = await makeDir(t);
  const path = join(dir, "a.tar");
  for (const texts of [["one", "two"], ["three"], []]) {
    await writeWhole(path, chunks(...texts));
    deepEqual(await readFile(path, "utf8"), texts.join(""));
    deepEqual(await readdir(dir), ["a.tar"]);
  }
});

test("when the chunks end with an error the old file stays, and nothing else", async (t) => {
  const dir = await makeDir(t);
  const path = join(dir, "a.tar");
  await writeWhole(path, chunks("old"));
  await rejects(writeWhole(path, chunks("new", new Error("cut off"))), { message: "cut off" });
  deepEqual(await readdir(dir), ["a.tar"]);
  deepEqual(await readFile(path, "utf8"), "old");
});

test("a directory that is not there is told before anything is asked for", async (t) => {
  const dir = await makeDir(t);
  const asked = chunks(new Error("it was asked for"));
  await rejects(writeWhole(join(dir, "missing", "a.tar"), asked), { code: Code.NotFound });
});
