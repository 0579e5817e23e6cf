import { deepEqual, equal, rejects } from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { makeMountPoints } from "./mount-points.ts";

test("mount points are open to everybody, whatever the umask, and are made as often as one likes", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-mount-points-"));
  t.after(() => rm(dir, { recursive: true }));
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  const root = join(dir, "mount-points");
  await Promise.all([makeMountPoints(root), makeMountPoints(root)]);
  await chmod(join(root, "etc"), 0o700);
  await rm(join(root, "sys"), { recursive: true });
  await makeMountPoints(root);
  for (const name of ["", "dev", "proc", "sys", "etc"]) {
    equal(((await stat(join(root, name))).mode & 0o7777).toString(8), "755", name);
  }
  equal(((await stat(join(root, "etc/resolv.conf"))).mode & 0o7777).toString(8), "644");
  deepEqual(await readFile(join(root, "etc/resolv.conf"), "utf8"), "");
});

test("a place where they cannot be made is named", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-mount-points-"));
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "file"), "");
  await rejects(makeMountPoints(join(dir, "file")), /mount points of pauses in ".*file"/);
});
