import { equal, throws } from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { temporaryDirectory } from "../testing/spec-input.ts";
import { workingDirectory } from "./working-directory.ts";

test("the request's directory comes before the image's, and a relative one is below the root", (t) => {
  const rootfs = temporaryDirectory(t);
  equal(workingDirectory("", "", rootfs), "/");
  equal(workingDirectory("", "/app/", rootfs), "/app");
  equal(workingDirectory("/x", "/app", rootfs), "/x");
  equal(workingDirectory("app", "", rootfs), "/app");
  equal(workingDirectory("/a/../../b", "", rootfs), "/b");
  equal(workingDirectory("/proc", "", rootfs), "/proc");
  equal(workingDirectory("/procs/self/fd/7", "", rootfs), "/procs/self/fd/7");
});

for (const path of [
  "/proc/self/fd/7",
  "/proc/self/fd/7/../../..",
  "/proc/self",
  "//proc/./thread-self/fd/8",
  "proc/1/root",
  "/x/../proc/1/cwd",
  "/proc/self/task/1/fd/9",
  "/dev/fd/7",
  "/dev/fd",
  "/a\0b",
]) {
  test(`${JSON.stringify(path)} is no working directory, whoever asks`, (t) => {
    const rootfs = temporaryDirectory(t);
    if (path === "/proc/self/fd/7/../../..") return equal(workingDirectory(path, "", rootfs), "/proc");
    throws(() => workingDirectory(path, "", rootfs), { code: Code.InvalidArgument });
    throws(() => workingDirectory("", path, rootfs), { code: Code.InvalidArgument });
  });
}

test("links of the image that lead to descriptors are seen", (t) => {
  const rootfs = temporaryDirectory(t);
  mkdirSync(`${rootfs}/a/b`, { recursive: true });
  symlinkSync("/proc/self/fd/7", `${rootfs}/direct`);
  symlinkSync("../../proc", `${rootfs}/a/b/p`);
  symlinkSync("b/p/self", `${rootfs}/a/s`);
  symlinkSync("/a/b", `${rootfs}/fine`);
  symlinkSync("loop", `${rootfs}/loop`);
  for (const path of ["/direct", "/a/s/fd/7", "/a/s", "/fine/p/self"]) {
    throws(() => workingDirectory(path, "", rootfs), { code: Code.InvalidArgument }, path);
  }
  for (const path of ["/fine", "/fine/x", "/a/b/p", "/loop", "/loop/x"]) {
    equal(workingDirectory(path, "", rootfs), path);
  }
});
