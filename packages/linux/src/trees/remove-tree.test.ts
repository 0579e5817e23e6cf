import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { removeTree } from "./remove-tree.ts";
import { finish, makeDeep, needsRoot, scratch } from "./testing/scratch.ts";
import { swapLoop } from "./testing/swap-loop.ts";

test("a tree is removed, links are not followed, absence is success", (t) => {
  const directory = scratch(t);
  const kept = join(directory, "kept");
  mkdirSync(kept);
  writeFileSync(join(kept, "file"), "x");
  const tree = join(directory, "tree");
  mkdirSync(join(tree, "a/b/c"), { recursive: true });
  for (let index = 0; index < 3000; index += 1) writeFileSync(join(tree, "a", `file-with-a-long-name-${index}`), "");
  for (let index = 0; index < 50; index += 1) mkdirSync(join(tree, `d${index}/x/y`), { recursive: true });
  symlinkSync(kept, join(tree, "a/link"));
  symlinkSync("../../kept", join(tree, "a/b/link"));
  finish(removeTree(tree));
  ok(!existsSync(tree));
  deepEqual(readdirSync(kept), ["file"]);
  finish(removeTree(tree));
  finish(removeTree(join(directory, "no/such/parent")));
});

test("a file or a link in the place of the tree is removed itself", (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, "file"), "x");
  symlinkSync("file", join(directory, "link"));
  finish(removeTree(join(directory, "link")));
  deepEqual(readdirSync(directory), ["file"]);
  finish(removeTree(join(directory, "file")));
  deepEqual(readdirSync(directory), []);
});

test("paths longer than the kernel takes are no obstacle, nor are many levels", needsRoot, (t) => {
  const directory = scratch(t);
  const tree = join(directory, "tree");
  mkdirSync(tree);
  makeDeep(tree, 1000);
  const fds = (): number => readdirSync("/proc/self/fd").length;
  const before = fds();
  let most = 0;
  const steps = removeTree(tree);
  while (steps.next().done !== true) most = Math.max(most, fds());
  ok(most - before < 50, `${most - before} descriptors`);
  equal(fds(), before);
  ok(!existsSync(tree));
});

test("a mount point is not entered, be it of the same file system", needsRoot, (t) => {
  const directory = scratch(t);
  const host = join(directory, "host");
  const point = join(directory, "tree/point");
  mkdirSync(host);
  mkdirSync(point, { recursive: true });
  writeFileSync(join(host, "file"), "x");
  execFileSync("mount", ["--bind", host, point]);
  try {
    throws(() => finish(removeTree(join(directory, "tree"))), { code: Code.FailedPrecondition, message: /point/ });
    deepEqual(readdirSync(host), ["file"]);
  } finally {
    execFileSync("umount", [point]);
  }
  finish(removeTree(join(directory, "tree")));
  deepEqual(readdirSync(directory), ["host"]);
});

test("while somebody swaps directories for links, nothing outside is removed", needsRoot, async (t) => {
  const directory = scratch(t);
  const host = join(directory, "host");
  const names = Array.from({ length: 4 }, (_, index) => `f${index}`);
  const fill = (path: string): void => {
    mkdirSync(path, { recursive: true });
    for (const name of names) writeFileSync(join(path, name), "");
  };
  fill(host);
  const tree = join(directory, "tree");
  mkdirSync(join(tree, "a/b"), { recursive: true });
  await using loop = await swapLoop(join(tree, "a/b"), host);
  let rounds = 0;
  // However slow the machine, so many rounds that the loop hits.
  for (const end = performance.now() + 600; performance.now() < end || rounds <= 5; rounds += 1) {
    finish(removeTree(tree));
    // Filled elsewhere, since this process must not follow the link either.
    const fresh = join(directory, `new-${rounds}`);
    fill(join(fresh, "b"));
    mkdirSync(tree);
    loop.reset();
    renameSync(fresh, join(tree, "a"));
    finish(removeTree(tree));
    equal(readdirSync(host).length, names.length, `round ${rounds}`);
  }
});
