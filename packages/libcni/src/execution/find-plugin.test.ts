import { equal, rejects } from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openTempDir } from "../testing/temp-dir.ts";
import { findPlugin } from "./find-plugin.ts";

test("the first directory that has the file wins; directories and missing places are passed over", async () => {
  await using dir = await openTempDir();
  const [first, second, third] = ["a", "b", "c"].map((name) => join(dir.path, name)) as [string, string, string];
  await mkdir(join(first, "bridge"), { recursive: true });
  for (const place of [second, third]) {
    await mkdir(place);
    await writeFile(join(place, "bridge"), "", { mode: 0o755 });
  }
  equal(await findPlugin("bridge", [join(dir.path, "missing"), first, second, third]), join(second, "bridge"));
});

test("a missing plugin's error names every directory and is not NotFound", async () => {
  await rejects(findPlugin("bridge", ["/none/one", "/none/two"]), {
    code: Code.FailedPrecondition,
    message: 'finding CNI plugin "bridge": no such file in "/none/one", "/none/two"',
  });
});

test("a type that is more than a file name is refused before any look-up", async () => {
  for (const type of ["", ".", "..", "../../bin/sh", "a/b", "/bin/sh", "a\0b", "a b", "-rf", "a\n"])
    await rejects(findPlugin(type, ["/bin"]), { code: Code.InvalidArgument });
});

test("what everybody may replace is not run", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "bridge"), "", { mode: 0o755 });
  await chmod(join(dir.path, "bridge"), 0o757);
  await rejects(findPlugin("bridge", [dir.path]), { code: Code.PermissionDenied });
  await chmod(join(dir.path, "bridge"), 0o755);
  await chmod(dir.path, 0o777);
  await rejects(findPlugin("bridge", [dir.path]), { code: Code.PermissionDenied });
});
