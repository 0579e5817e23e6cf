import { deepEqual, equal, throws } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { atLogPlace } from "./log-place.ts";

test("no link below the directory is followed, those above it are", (t) => {
  const top = mkdtempSync(join(tmpdir(), "crib-log-place-"));
  t.after(() => rmSync(top, { recursive: true }));
  mkdirSync(join(top, "real"));
  mkdirSync(join(top, "outside"));
  symlinkSync("real", join(top, "link"));
  const directory = join(top, "link", "pod");
  const write = (path: string): void => atLogPlace({ path, directory }, (place) => writeFileSync(place, "x"));
  write(join(directory, "a.log"));
  write(join(directory, "app", "deep", "0.log"));
  deepEqual(readdirSync(join(top, "real", "pod")), ["a.log", "app"]);
  equal(statSync(join(directory, "app", "deep")).mode & 0o777, 0o755);
  symlinkSync(join(top, "outside"), join(directory, "turned"));
  symlinkSync(join(top, "outside"), join(directory, "app", "turned"));
  const refused = { code: Code.FailedPrecondition, message: /^opening log ".*\/turned\/.*": / };
  for (const path of ["turned/0.log", "app/turned/0.log", "app/turned/more/0.log"])
    throws(() => write(join(directory, path)), refused);
  throws(() => write(join(top, "outside", "0.log")), { code: Code.InvalidArgument });
  deepEqual(readdirSync(join(top, "outside")), []);
});
