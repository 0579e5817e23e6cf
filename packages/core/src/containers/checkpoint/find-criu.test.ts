import { deepEqual, rejects } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code } from "@crib/errdefs";

import { findCriu } from "./find-criu.ts";

const { signal } = new AbortController();

function directoryWith(t: TestContext, script?: string): string {
  const dir = mkdtempSync(join(tmpdir(), "crib-criu-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  if (script !== undefined) writeFileSync(join(dir, "criu"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return dir;
}

test("the first CRIU of the path is found with its version", async (t) => {
  const [empty, dir] = [directoryWith(t), directoryWith(t, "echo 'Version: 4.2.1'; echo 'GitID: v4.2.1'")];
  deepEqual(await findCriu(`${empty}:${dir}`, signal), { path: join(dir, "criu"), version: "4.2.1" });
});

test("what is missing is said", async (t) => {
  const missing = (message: RegExp): object => ({ code: Code.Unimplemented, message });
  await rejects(findCriu(directoryWith(t), signal), missing(/CRIU is not installed: no "criu" in /));
  await rejects(findCriu(directoryWith(t, "echo Version: 3.15"), signal), missing(/is too old: 3\.15, at least 3\.16/));
  await rejects(findCriu(directoryWith(t, "echo hello"), signal), missing(/does not tell its version/));
  await rejects(
    findCriu(directoryWith(t, "echo Version: 4.0; exit 127"), signal),
    missing(/does not tell its version/),
  );
});
