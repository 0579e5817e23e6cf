import { equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";

import { temporaryDirectory } from "../testing/host.ts";
import { startSleeper } from "../testing/sleeper.ts";
import { lockFile } from "./lock-file.ts";

/** Tries to take the lock in another process; gives what it printed. */
function tryElsewhere(path: string): string {
  const module = new URL("./lock-file.ts", import.meta.url).href;
  const script = `import { lockFile } from ${JSON.stringify(module)};
    try { lockFile(${JSON.stringify(path)}); console.log("locked"); } catch (e) { console.log(e.code, e.message); }`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).stdout.trim();
}

test("a second process is told who holds the lock, until it is released", async (t) => {
  const path = `${temporaryDirectory(t)}/lock`;
  const lock = lockFile(path);
  t.after(() => lock.release());
  equal(statSync(path).mode & 0o777, 0o600);
  equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  // A child that lives on must not keep the lock.
  await startSleeper(t);
  match(tryElsewhere(path), new RegExp(`^9 locking ".*": held by process ${process.pid}$`));
  lock.release();
  lock.release();
  equal(tryElsewhere(path), "locked");
  // That process has ended without a release.
  using again = lockFile(path);
  ok(again);
});
