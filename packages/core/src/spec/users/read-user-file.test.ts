import { equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { temporaryDirectory } from "../testing/spec-input.ts";
import { containerUser } from "./container-user.ts";
import { readUserFile } from "./read-user-file.ts";

const limit = 1024 * 1024;

function emptyRoot(t: TestContext): string {
  const rootfs = temporaryDirectory(t);
  mkdirSync(`${rootfs}/etc`);
  return rootfs;
}

test("a file is read as the container sees it", async (t) => {
  const rootfs = emptyRoot(t);
  const before = readdirSync("/proc/self/fd").length;
  equal(await readUserFile(rootfs, "/etc/passwd"), "");
  writeFileSync(`${rootfs}/etc/passwd`, "");
  equal(await readUserFile(rootfs, "/etc/passwd"), "");
  writeFileSync(`${rootfs}/inside`, "inside");
  for (const target of ["/inside", "../inside", "../../../../../../inside"]) {
    rmSync(`${rootfs}/etc/passwd`);
    symlinkSync(target, `${rootfs}/etc/passwd`);
    equal(await readUserFile(rootfs, "/etc/passwd"), "inside");
  }
  rmSync(`${rootfs}/etc/passwd`);
  symlinkSync("/etc/hostname", `${rootfs}/etc/passwd`);
  // The host has one, the image has not.
  equal(await readUserFile(rootfs, "/etc/passwd"), "");
  equal(readdirSync("/proc/self/fd").length, before);
});

const makers: Readonly<Record<string, (path: string) => void>> = {
  "a sparse file of 4 GiB": (path) => {
    writeFileSync(path, "root:x:0:0::/:\n");
    truncateSync(path, 4 * 1024 ** 3);
  },
  "one line of more than 1 MiB": (path) => writeFileSync(path, "x".repeat(limit + 1)),
  "a FIFO": (path) => execFileSync("mkfifo", [path]),
  "a directory": (path) => mkdirSync(path),
  "a link to itself": (path) => symlinkSync("passwd", path),
  "a link through /proc to the host": (path) => symlinkSync("/proc/self/root/etc/passwd", path),
};
for (const [what, make] of Object.entries(makers)) {
  test(`${what} is refused or not there, quickly and without reading it`, async (t) => {
    const rootfs = emptyRoot(t);
    make(`${rootfs}/etc/passwd`);
    const [began, memory] = [performance.now(), process.memoryUsage().rss];
    const found = await readUserFile(rootfs, "/etc/passwd").catch((error: unknown) => error as Error);
    ok(found === "" || (found instanceof Error && "code" in found && found.code === Code.InvalidArgument), `${found}`);
    ok(performance.now() - began < 30_000);
    ok(process.memoryUsage().rss - memory < 16 * 1024 * 1024);
  });
}

test("a device is refused without being opened", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
  const rootfs = emptyRoot(t);
  // No driver has this number, so opening it would fail otherwise.
  execFileSync("mknod", [`${rootfs}/etc/passwd`, "c", "511", "0"]);
  await rejects(readUserFile(rootfs, "/etc/passwd"), { code: Code.InvalidArgument, message: /not a regular file/ });
});

test("a line of almost 1 MiB is no trouble", async (t) => {
  const rootfs = emptyRoot(t);
  const members = "m,".repeat(limit / 2 - 100);
  writeFileSync(`${rootfs}/etc/passwd`, `${":".repeat(limit - 100)}\nweb:x:5:6::/:`);
  writeFileSync(`${rootfs}/etc/group`, `big:x:7:${members}web`);
  const request = { supplementalGroups: [], supplementalGroupsPolicy: "merge" } as const;
  const user = await containerUser(request, "web", rootfs);
  equal(JSON.stringify(user), '{"uid":5,"gid":6,"additionalGids":[6,7]}');
});
