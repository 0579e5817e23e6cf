import { equal, throws } from "node:assert/strict";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { mkdirInRoot, openInRoot } from "./open-in-root.ts";

function read(root: number | string, path: string): string {
  const fd = openInRoot(root, path, constants.O_RDONLY);
  try {
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

/** A root with links that point out of it, beside a secret. */
function hostileRoot(t: TestContext): { readonly root: string; readonly outside: string } {
  const outside = temporaryDirectory(t);
  const root = `${outside}/root`;
  mkdirSync(`${root}/etc`, { recursive: true });
  writeFileSync(`${outside}/secret`, "outside");
  writeFileSync(`${root}/secret`, "inside");
  symlinkSync("/secret", `${root}/absolute`);
  symlinkSync("../../../../secret", `${root}/etc/relative`);
  symlinkSync(outside, `${root}/out`);
  symlinkSync("/nowhere", `${root}/dangling`);
  symlinkSync("/proc/self/root", `${root}/magic`);
  return { root, outside };
}

test("links and dots resolve inside the root", (t) => {
  const { root } = hostileRoot(t);
  const before = openDescriptors();
  for (const path of ["secret", "/secret", "absolute", "etc/relative", "../secret", "etc/../../secret"]) {
    equal(read(root, path), "inside", path);
  }
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  equal(read(rootFd, "absolute"), "inside");
  closeSync(rootFd);
  throws(() => read(root, "out/secret"), { code: Code.NotFound });
  throws(() => read(root, "a\0b"), { code: Code.InvalidArgument });
  throws(() => read("/", "proc/self/root/etc/hostname"), /ELOOP/);
  equal(openDescriptors(), before);
});

test("a file made in the root has the mode asked for and stays in it", (t) => {
  const { root, outside } = hostileRoot(t);
  closeSync(openInRoot(root, "../made", constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o640));
  equal(statSync(`${root}/made`).mode & 0o777, 0o640);
  equal(existsSync(`${outside}/made`), false);
});

test("directories are made inside the root, whatever its links say", (t) => {
  const { root, outside } = hostileRoot(t);
  const before = openDescriptors();
  mkdirInRoot(root, "/a/b/./c/", 0o700);
  mkdirInRoot(root, "a/b/c");
  equal(statSync(`${root}/a/b/c`).mode & 0o777, 0o700);
  throws(() => mkdirInRoot(root, "out/x"), { code: Code.NotFound });
  throws(() => mkdirInRoot(root, "dangling"), { code: Code.NotFound });
  throws(() => mkdirInRoot(root, "secret/x"), { code: Code.FailedPrecondition });
  throws(() => mkdirInRoot(root, "a/../../x"), { code: Code.InvalidArgument });
  equal(existsSync(`${outside}/x`), false);
  equal(openDescriptors(), before);
});
