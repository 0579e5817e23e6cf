import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code } from "@crib/errdefs";

import { PauseRootfs } from "./pause-rootfs.ts";

async function dirOf(t: TestContext): Promise<{ root: string; program: string }> {
  const dir = await mkdtemp(join(tmpdir(), "crib-pause-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, "program"), "one");
  return { root: join(dir, "root"), program: join(dir, "program") };
}

const ensurePauseRootfs = (root: string, program: string): Promise<string> => new PauseRootfs(root, program).ensure();

test("the root file system is built once, also by many at a time, and leaves nothing beside it", async (t) => {
  const { root, program } = await dirOf(t);
  const umask = process.umask(0o177);
  t.after(() => process.umask(umask));
  const paths = new Set(await Promise.all(Array.from({ length: 8 }, () => ensurePauseRootfs(root, program))));
  equal(paths.size, 1);
  const [path = ""] = paths;
  equal(await readFile(join(path, "pause"), "utf8"), "one");
  equal(((await stat(join(path, "pause"))).mode & 0o777).toString(8), "755");
  equal(((await stat(join(path, "proc"))).mode & 0o777).toString(8), "755");
  equal((await readdir(join(root, "pause"))).length, 1);
});

test("another program gets another directory", async (t) => {
  const { root, program } = await dirOf(t);
  const first = await ensurePauseRootfs(root, program);
  await writeFile(program, "two");
  notEqual(await ensurePauseRootfs(root, program), first);
  equal(await readFile(join(first, "pause"), "utf8"), "one");
});

test("a damaged copy is replaced", async (t) => {
  const { root, program } = await dirOf(t);
  const path = await ensurePauseRootfs(root, program);
  await writeFile(join(path, "pause"), "0ne");
  equal(await ensurePauseRootfs(root, program), path);
  equal(await readFile(join(path, "pause"), "utf8"), "one");
  await rm(join(path, "pause"));
  await ensurePauseRootfs(root, program);
  equal(await readFile(join(path, "pause"), "utf8"), "one");
  deepEqual((await readdir(join(root, "pause"))).length, 1);
});

test("what was compared once is looked at again when either file changes", async (t) => {
  const { root, program } = await dirOf(t);
  const rootfs = new PauseRootfs(root, program);
  const path = await rootfs.ensure();
  equal(await rootfs.ensure(), path);
  await writeFile(join(path, "pause"), "0ne");
  equal(await rootfs.ensure(), path);
  equal(await readFile(join(path, "pause"), "utf8"), "one");
  await rm(path, { recursive: true });
  equal(await rootfs.ensure(), path);
  await writeFile(program, "two");
  notEqual(await rootfs.ensure(), path);
});

test("a missing program is NotFound and named", async (t) => {
  const { root } = await dirOf(t);
  await rejects(ensurePauseRootfs(root, "/nonexistent/pause"), { code: Code.NotFound, message: /nonexistent/ });
});
