import { match, rejects } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { startDemoDaemon } from "./demo-daemon.ts";

test("a daemon that cannot start is told in its own words", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-demo-test-"));
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "config.toml"), "rot = 1");
  const start = startDemoDaemon(join(dir, "config.toml"), join(dir, "crib.sock"), { verbose: false, signal: t.signal });
  await rejects(start, (reason: Error) => {
    match(
      reason.message,
      /^starting crib serve: reading configuration .*unknown key rot at the top; did you mean root\?$/,
    );
    return true;
  });
});
