import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { copyTree } from "./copy-tree.ts";
import { removeTree } from "./remove-tree.ts";
import { finish, makeDeep, needsRoot, scratch } from "./testing/scratch.ts";

/** All that a tree's files have, as others see it. */
function list(path: string): string {
  const format = "%P %y %m %U:%G %n %s %l %T@\\n";
  const files = execFileSync("find", [path, "-mindepth", "1", "-printf", format], { encoding: "utf8" });
  const sorted = files.split("\n").toSorted().join("\n");
  const xattrs = `import os
for d, ds, fs in os.walk("."):
 for n in sorted(ds + fs):
  p = os.path.join(d, n)
  x = sorted((k, os.getxattr(p, k, follow_symlinks=False)) for k in os.listxattr(p, follow_symlinks=False))
  if x: print(p, x)`;
  return `${sorted}\n${execFileSync("python3", ["-c", xattrs], { cwd: path, encoding: "utf8" })}`;
}

/** What an image may have in a directory that it declares as a volume. */
function fill(path: string): void {
  const script = `
    set -e
    mkdir -p d/e empty; echo one > d/one; chmod 4751 d/one; chown 7:8 d/one; ln d/one d/e/two; ln -s /etc/passwd out
    ln -s nowhere d/dangling; mkfifo -m 622 fifo; mknod null c 1 3; chmod 640 null; mknod block b 7 9; chown -h 5:6 out
    python3 -c 'import os; os.setxattr("d", "trusted.t", b"z"); os.setxattr("d/one", "trusted.u", b"y")'; chmod 1777 d; chown 3:4 empty; touch -d @1000 d/one empty
    echo run > capable; setcap cap_net_raw+ep capable
    truncate -s 1G sparse; printf tail | dd of=sparse bs=1 seek=500000000 conv=notrunc 2>/dev/null
    head -c 700000 /dev/zero | tr '\\0' x > "name with
newline"`;
  execFileSync("sh", ["-c", script], { cwd: path });
}

test("a copy has what the tree has: modes, owners, times, attributes, links, devices, holes", needsRoot, (t) => {
  const [root, target] = [scratch(t), scratch(t)];
  mkdirSync(join(root, "v"));
  fill(join(root, "v"));
  execFileSync("chown", ["11:12", join(root, "v")]);
  execFileSync("chmod", ["2750", join(root, "v")]);
  equal(finish(copyTree(root, "/v", target)), true);
  const listed = list(target);
  for (const name of ["trusted.t", "trusted.u", "security.capability"]) ok(listed.includes(name), listed);
  equal(listed, list(join(root, "v")));
  equal(statSync(join(target, "d/one")).ino, statSync(join(target, "d/e/two")).ino);
  ok(statSync(join(target, "sparse")).blocks < 100, "holes stay holes");
  const { mode, uid, gid } = statSync(target);
  deepEqual([mode & 0o7777, uid, gid], [0o2750, 11, 12]);
});

test("no path leads out of the root", needsRoot, (t) => {
  const [root, host] = [scratch(t), scratch(t)];
  writeFileSync(join(host, "canary"), "host");
  mkdirSync(join(root, "inside"));
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/own"), "image");
  symlinkSync(host, join(root, "absolute"));
  symlinkSync(`../../../../../..${host}`, join(root, "climbing"));
  symlinkSync("/etc", join(root, "inside/etc"));
  symlinkSync("loop", join(root, "loop"));
  symlinkSync("/proc/self/root", join(root, "magic"));
  writeFileSync(join(root, "file"), "");
  execFileSync("mkfifo", [join(root, "fifo")]);
  const copied = (path: string): readonly string[] | false => {
    const target = scratch(t);
    return finish(copyTree(root, path, target)) && readdirSync(target);
  };
  for (const path of [host, `/../../../..${host}`, "absolute", "/climbing", "magic", "absolute/..//canary"]) {
    equal(copied(path), false, path);
  }
  deepEqual(copied("/inside/etc"), ["own"]);
  deepEqual(copied("../../etc"), ["own"]);
  for (const path of ["file", "fifo", "loop", "file/x", "a\0b"]) {
    throws(() => copied(path), { code: Code.InvalidArgument }, path);
  }
});

test("what is mounted in the tree, and sockets, are left out", needsRoot, (t) => {
  const [root, target] = [scratch(t), scratch(t)];
  mkdirSync(join(root, "mounted"));
  execFileSync("mount", ["-t", "tmpfs", "crib-test", join(root, "mounted")]);
  try {
    writeFileSync(join(root, "mounted/canary"), "");
    const python = "import socket,sys\nsocket.socket(socket.AF_UNIX).bind(sys.argv[1])";
    execFileSync("python3", ["-c", python, join(root, "socket")]);
    writeFileSync(join(root, "file"), "x");
    finish(copyTree(root, "", target));
    deepEqual(readdirSync(target).toSorted(), ["file"]);
  } finally {
    execFileSync("umount", [join(root, "mounted")]);
  }
});

test("a deep tree is copied with few descriptors; one too deep for paths is refused", needsRoot, (t) => {
  const [deep, target] = [scratch(t), scratch(t)];
  makeDeep(deep, 400);
  const before = readdirSync("/proc/self/fd").length;
  finish(copyTree(deep, "", target));
  equal(execFileSync("find", [target, "-name", "f"], { encoding: "utf8" }).split("\n").length, 401);
  const [deeper, part] = [scratch(t), scratch(t)];
  makeDeep(deeper, 1000);
  throws(() => finish(copyTree(deeper, "", part)), { code: Code.InvalidArgument });
  equal(readdirSync("/proc/self/fd").length, before);
  for (const path of [deeper, part]) finish(removeTree(path));
});

test("leaving early closes what is open", needsRoot, (t) => {
  const root = scratch(t);
  for (let index = 0; index < 100; index += 1) writeFileSync(join(root, `f${index}`), "x".repeat(300_000));
  const before = readdirSync("/proc/self/fd").length;
  const target = scratch(t);
  const steps = copyTree(root, "", target);
  for (let count = 0; count < 50; count += 1) steps.next();
  steps.return(false);
  equal(readdirSync("/proc/self/fd").length, before);
  ok(readFileSync(join(target, readdirSync(target)[0] ?? "")).length > 0);
  equal(lstatSync(root).isDirectory(), true);
});
