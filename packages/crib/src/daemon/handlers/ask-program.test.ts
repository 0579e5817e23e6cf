import { deepEqual, equal, rejects } from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { askProgram } from "./ask-program.ts";

/** Long enough for any machine. */
const limitMs = 30_000;

/** A program that writes a line to `calls` when it is started. */
function makeProgram(t: TestContext, script: string): { readonly path: string; readonly calls: () => string } {
  const dir = mkdtempSync(join(tmpdir(), "crib-ask-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "program");
  writeFileSync(path, `#!/bin/sh\necho "$1" >> "${dir}/calls"\n${script}\n`);
  chmodSync(path, 0o755);
  return { path, calls: () => readFileSync(join(dir, "calls"), "utf8") };
}

test("a program that is asked the same at a time is started once, and later again", async (t) => {
  const { path, calls } = makeProgram(t, "echo told");
  const both = [askProgram(path, "features", limitMs), askProgram(path, "features", limitMs)];
  deepEqual(await Promise.all(both), ["told\n", "told\n"]);
  equal(calls(), "features\n");
  await askProgram(path, "features", limitMs);
  equal(calls(), "features\nfeatures\n");
});

test("other questions are asked for themselves", async (t) => {
  const { path } = makeProgram(t, 'echo "$1"');
  const both = [askProgram(path, "features", limitMs), askProgram(path, "--version", limitMs)];
  deepEqual(await Promise.all(both), ["features\n", "--version\n"]);
});

test("a failure is everybody's, and is not kept", async (t) => {
  const { path, calls } = makeProgram(t, "exit 3");
  const both = [askProgram(path, "features", limitMs), askProgram(path, "features", limitMs)];
  for (const { status } of await Promise.allSettled(both)) equal(status, "rejected");
  await rejects(askProgram(path, "features", limitMs), { code: 3 });
  equal(calls(), "features\nfeatures\n");
});
