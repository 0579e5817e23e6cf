import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { measureTree } from "./measure-tree.ts";
import { removeTree } from "./remove-tree.ts";
import { finish, makeDeep, needsRoot, scratch } from "./testing/scratch.ts";
import { swapLoop } from "./testing/swap-loop.ts";

function du(path: string): { readonly bytes: number; readonly inodes: number } {
  const count = (...options: readonly string[]): number => {
    return Number(execFileSync("du", ["-s", "-x", ...options, path], { encoding: "utf8" }).split("\t")[0]);
  };
  return { bytes: count("--block-size=1"), inodes: count("--inodes") };
}

test("a tree takes what du says: blocks, holes, links once", (t) => {
  const tree = scratch(t);
  mkdirSync(join(tree, "a/b"), { recursive: true });
  for (let index = 0; index < 2000; index += 1) writeFileSync(join(tree, "a", `f${index}`), "x".repeat(index * 3));
  for (let index = 0; index < 100; index += 1) mkdirSync(join(tree, `a/b/d${index}`));
  linkSync(join(tree, "a/f1999"), join(tree, "a/b/hard"));
  symlinkSync("/etc", join(tree, "link"));
  symlinkSync("l".repeat(3000), join(tree, "long-link"));
  execFileSync("truncate", ["-s", "1G", join(tree, "sparse")]);
  deepEqual(finish(measureTree(tree)), du(tree));
  throws(() => finish(measureTree(join(tree, "none"))), { code: Code.NotFound });
});

test("deep trees need few descriptors and are counted to their end", needsRoot, (t) => {
  const tree = scratch(t);
  mkdirSync(join(tree, "deep/wide"), { recursive: true });
  makeDeep(join(tree, "deep"), 1000);
  for (let index = 0; index < 10; index += 1) mkdirSync(join(tree, `deep/wide/${index}`));
  const before = readdirSync("/proc/self/fd").length;
  const { inodes } = finish(measureTree(tree));
  equal(inodes, 1 + 1 + 1 + 10 + 1000 * 2);
  equal(readdirSync("/proc/self/fd").length, before);
  finish(removeTree(join(tree, "deep")));
});

test("mount points do not count", needsRoot, (t) => {
  const tree = scratch(t);
  mkdirSync(join(tree, "host"));
  mkdirSync(join(tree, "tree/point"), { recursive: true });
  writeFileSync(join(tree, "host/file"), "x".repeat(10_000));
  execFileSync("mount", ["--bind", join(tree, "host"), join(tree, "tree/point")]);
  try {
    equal(finish(measureTree(join(tree, "tree"))).inodes, 1);
  } finally {
    execFileSync("umount", [join(tree, "tree/point")]);
  }
});

test("while somebody swaps directories for links, nothing outside counts", needsRoot, async (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, "host"));
  for (let index = 0; index < 500; index += 1) writeFileSync(join(directory, "host", `f${index}`), "");
  mkdirSync(join(directory, "tree/a/b"), { recursive: true });
  await using _ = await swapLoop(join(directory, "tree/a/b"), join(directory, "host"));
  let rounds = 0;
  // However slow the machine, so many rounds that the loop hits.
  for (const end = performance.now() + 600; performance.now() < end || rounds <= 500; rounds += 1) {
    const { inodes } = finish(measureTree(join(directory, "tree")));
    ok(inodes <= 4, `${inodes} inodes`);
  }
});
