import { equal, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { pauseSeccomp } from "./pause-seccomp.ts";

test("only a localhost profile is one, and it must be a regular file with a profile in it", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-seccomp-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, "good.json"), '{"defaultAction":"SCMP_ACT_ALLOW"}');
  await writeFile(join(dir, "bad.json"), "{}");
  await writeFile(join(dir, "huge.json"), "{}");
  await truncate(join(dir, "huge.json"), 4 * 1024 ** 3);
  execFileSync("mkfifo", [join(dir, "fifo")]);
  const localhost = (path: string) => pauseSeccomp({ kind: "localhost", path });
  equal((await localhost(join(dir, "good.json")))?.defaultAction, "SCMP_ACT_ALLOW");
  equal(await pauseSeccomp({ kind: "unconfined" }), undefined);
  equal(await pauseSeccomp({ kind: "runtime-default" }), undefined);
  for (const path of ["", "good.json", dir, join(dir, "bad.json"), join(dir, "huge.json"), join(dir, "fifo")]) {
    await rejects(localhost(path), { code: Code.InvalidArgument }, path);
  }
  await rejects(localhost(join(dir, "missing.json")), { code: Code.NotFound });
});
