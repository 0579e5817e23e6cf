import { equal, rejects, throws } from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { findRuntimeBinary, shimFileName } from "./runtime-binary.ts";

test("the last two parts of a runtime's name are those of its shim", () => {
  equal(shimFileName("io.containerd.runc.v2"), "containerd-shim-runc-v2");
  equal(shimFileName("kata.v2"), "containerd-shim-kata-v2");
  for (const name of ["", "runc", "io.", ".v2", "a/b.v2", "io..v2"]) {
    throws(() => shimFileName(name), { code: Code.InvalidArgument }, name);
  }
});

test("PATH is searched first, then the other directories; relative entries and plain files do not count", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-bin-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const name of ["one", "two", "three"]) {
    await mkdir(join(dir, name));
    await writeFile(join(dir, name, "containerd-shim-x-v1"), "");
  }
  const runtime = { runtimeType: "io.x.v1", runtimePath: "" };
  const search = { path: `.::${dir}/one:${dir}/two`, dirs: [`${dir}/three`] };
  await rejects(findRuntimeBinary(runtime, search), {
    code: Code.NotFound,
    message: /containerd-shim-x-v1.*one.*three/,
  });
  await chmod(join(dir, "three/containerd-shim-x-v1"), 0o755);
  equal(await findRuntimeBinary(runtime, search), `${dir}/three/containerd-shim-x-v1`);
  await chmod(join(dir, "two/containerd-shim-x-v1"), 0o755);
  equal(await findRuntimeBinary(runtime, search), `${dir}/two/containerd-shim-x-v1`);
});

test("a path is taken as it is, must be absolute and a program", async () => {
  const search = { path: "/bin" };
  equal(await findRuntimeBinary({ runtimeType: "io.x.v1", runtimePath: "/bin/sh" }, search), "/bin/sh");
  equal(await findRuntimeBinary({ runtimeType: "/bin/sh", runtimePath: "" }, search), "/bin/sh");
  await rejects(findRuntimeBinary({ runtimeType: "io.x.v1", runtimePath: "bin/sh" }, search), {
    code: Code.InvalidArgument,
  });
  await rejects(findRuntimeBinary({ runtimeType: "io.x.v1", runtimePath: "/bin" }, search), { code: Code.NotFound });
});
