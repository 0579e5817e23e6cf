import { deepEqual, equal, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { relabelTree } from "./relabel-tree.ts";
import { finish, needsRoot, scratch } from "./testing/scratch.ts";

/** The labels of files, none for one without. */
function labels(...paths: readonly string[]): readonly string[] {
  const script = `import os,sys
for p in sys.argv[1:]:
 n = "security.selinux"
 print(os.getxattr(p, n, follow_symlinks=False).rstrip(b"\\0").decode() if n in os.listxattr(p, follow_symlinks=False) else "none")`;
  return execFileSync("python3", ["-c", script, ...paths], { encoding: "utf8" })
    .trim()
    .split("\n");
}

test("a tree is labelled, links themselves, nothing outside", needsRoot, (t) => {
  const [root, host] = [scratch(t), scratch(t)];
  mkdirSync(join(root, "a/b"), { recursive: true });
  for (const name of ["file", "a/file", "a/b/file"]) writeFileSync(join(root, name), "");
  writeFileSync(join(host, "canary"), "");
  symlinkSync(host, join(root, "a/link"));
  const before = readdirSync("/proc/self/fd").length;
  finish(relabelTree(root, "u:r:t:s0"));
  const paths = ["", "file", "a", "a/file", "a/b", "a/b/file", "a/link"].map((name) => join(root, name));
  deepEqual(
    labels(...paths),
    Array.from({ length: 7 }, () => "u:r:t:s0"),
  );
  deepEqual(labels(host, join(host, "canary")), ["none", "none"]);
  finish(relabelTree(join(root, "file"), "u:r:t:s1"));
  deepEqual(labels(join(root, "file"), root), ["u:r:t:s1", "u:r:t:s0"]);
  throws(() => finish(relabelTree(join(root, "none"), "x")), { code: Code.NotFound });
  equal(readdirSync("/proc/self/fd").length, before);
});
