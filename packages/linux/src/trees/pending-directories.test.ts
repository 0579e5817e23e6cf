import { deepEqual, doesNotThrow, equal, throws } from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openDirectory } from "./open-directory.ts";
import { PendingDirectories } from "./pending-directories.ts";
import { scratch } from "./testing/scratch.ts";
import { close } from "./tree-calls.ts";

test("the last that was added comes first, without those that are gone or something else by now", (t) => {
  const tree = scratch(t);
  for (const name of ["a/b", "gone", "file", "link"]) mkdirSync(join(tree, name), { recursive: true });
  const rootFd = openDirectory(tree, "opening it");
  t.after(() => close(rootFd));
  const pending = new PendingDirectories(rootFd);
  for (const name of ["a", "a/b", "gone", "file", "link"]) pending.add(Buffer.from(name));
  rmdirSync(join(tree, "gone"));
  rmdirSync(join(tree, "file"));
  writeFileSync(join(tree, "file"), "");
  renameSync(join(tree, "link"), join(tree, "elsewhere"));
  symlinkSync("elsewhere", join(tree, "link"));
  const before = readdirSync("/proc/self/fd").length;
  const paths: string[] = [];
  for (let next = pending.open(); next !== undefined; next = pending.open()) {
    paths.push(String(next.path));
    deepEqual(readdirSync(`/proc/self/fd/${next.fd}`), readdirSync(join(tree, String(next.path))));
    close(next.fd);
  }
  deepEqual(paths, ["a/b", "a", ""]);
  equal(readdirSync("/proc/self/fd").length, before);
});

test("a tree with more directories before it than may wait is ResourceExhausted", (t) => {
  const rootFd = openDirectory(scratch(t), "opening it");
  t.after(() => close(rootFd));
  const pending = new PendingDirectories(rootFd);
  const path = Buffer.from("a");
  doesNotThrow(() => {
    for (let count = 1; count < 500_000; count += 1) pending.add(path);
  });
  throws(() => pending.add(path), { code: Code.ResourceExhausted, message: /500000 directories/ });
});
