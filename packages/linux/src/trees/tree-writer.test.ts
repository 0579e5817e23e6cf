import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot, scratch } from "./testing/scratch.ts";
import { swapLoop } from "./testing/swap-loop.ts";
import type { TreeMetadata } from "./tree-metadata.ts";
import { TreeWriter } from "./tree-writer.ts";

const time = { seconds: 1000, nanoseconds: 5 };

function metadata(mode: number, changes: Partial<TreeMetadata> = {}): TreeMetadata {
  return { mode, uid: 0, gid: 0, atime: time, mtime: time, xattrs: [], ...changes };
}

function writeFile(writer: TreeWriter, path: string, content: string, mode = 0o644): void {
  writer.startFile(Buffer.from(path), metadata(mode));
  const bytes = Buffer.from(content);
  writer.writeFile(bytes, 0, bytes.length);
  writer.endFile();
}

test("modes are as asked for, whatever the umask, also on the main thread", needsRoot, (t) => {
  const root = scratch(t);
  const former = process.umask(0o077);
  t.after(() => process.umask(former));
  {
    using writer = new TreeWriter(root);
    writeFile(writer, "implied/file", "x", 0o666);
    writer.directory(Buffer.from("directory"), metadata(0o1777));
    writer.special(Buffer.from("fifo"), { kind: "fifo" }, metadata(0o622));
    writer.finish();
  }
  const mode = (path: string): string => (statSync(join(root, path)).mode & 0o7777).toString(8);
  deepEqual(["implied", "implied/file", "directory", "fifo"].map(mode), ["755", "666", "1777", "622"]);
  equal(process.umask(), 0o077);
});

test("times of directories outlast what is made in them; accessed is not modified", needsRoot, (t) => {
  const root = scratch(t);
  using writer = new TreeWriter(root);
  writer.directory(Buffer.from(""), metadata(0o755));
  writer.directory(Buffer.from("a"), metadata(0o755, { atime: { seconds: -5, nanoseconds: 999_999_999 } }));
  writer.directory(Buffer.from("a/b"), metadata(0o755, { mtime: { seconds: 2 ** 33, nanoseconds: 1 } }));
  const name = "n".repeat(240);
  for (let index = 0; index < 1200; index += 1) writer.directory(Buffer.from(`a/${name}${index}`), metadata(0o700));
  writeFile(writer, "a/b/file", "x");
  writer.finish();
  const times = (path: string): readonly bigint[] => {
    const { atimeNs, mtimeNs } = lstatSync(join(root, path), { bigint: true });
    return [atimeNs, mtimeNs];
  };
  deepEqual(times("."), [1_000_000_000_005n, 1_000_000_000_005n]);
  deepEqual(times("a"), [-4_000_000_001n, 1_000_000_000_005n]);
  equal(times("a/b")[1], 8_589_934_592_000_000_001n);
  equal(times(`a/${name}1199`)[1], 1_000_000_000_005n);
});

test("paths that lead out or name nothing are refused, though callers have checked them", needsRoot, (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, "root"));
  using writer = new TreeWriter(join(directory, "root"));
  for (const path of ["..", ".", "a/..", "a/.", "a/", ""]) {
    throws(() => writeFile(writer, path, "x"), { code: Code.InvalidArgument }, path);
    throws(() => writer.whiteout(Buffer.from(path)), { code: Code.InvalidArgument }, path);
  }
  writeFile(writer, "../../../escaped/file", "x");
  writer.symlink(Buffer.from("up"), Buffer.from("../.."), metadata(0o777));
  writeFile(writer, "up/through-link", "x");
  deepEqual(readdirSync(directory), ["root"]);
  deepEqual(readdirSync(join(directory, "root")).toSorted(), ["a", "escaped", "through-link", "up"]);
  throws(() => new TreeWriter(join(directory, "none")), { code: Code.NotFound });
});

test("the root itself is never replaced through a link", needsRoot, (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, "real"));
  symlinkSync("real", join(directory, "link"));
  throws(() => new TreeWriter(join(directory, "link")), { code: Code.FailedPrecondition });
});

test("what fails leaves no descriptor open", needsRoot, (t) => {
  const root = scratch(t);
  const before = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 20; round += 1) {
    using writer = new TreeWriter(root);
    writer.symlink(Buffer.from("loop"), Buffer.from("loop"), metadata(0o777));
    writeFile(writer, "a/b/file", "x");
    for (const path of ["a/b/file/below", "loop/x", `a/b/${"n".repeat(256)}/x`, `new/${"n".repeat(256)}`]) {
      throws(() => writeFile(writer, path, "x"), { code: Code.InvalidArgument }, path);
    }
    throws(() => writer.startFile(Buffer.from("s"), metadata(0o644), { size: -1, regions: new Float64Array() }));
  }
  equal(readdirSync("/proc/self/fd").length, before);
});

test("while somebody swaps directories for links, nothing is written outside", needsRoot, async (t) => {
  const directory = scratch(t);
  const host = join(directory, "host");
  const root = join(directory, "root");
  mkdirSync(host);
  writeFileSync(join(host, "canary"), "alive");
  mkdirSync(join(root, "a/b"), { recursive: true });
  await using _ = await swapLoop(join(root, "a/b"), host);
  let written = 0;
  // However slow the machine, so often that the loop hits.
  for (const end = performance.now() + 600; performance.now() < end || written <= 100;) {
    // Each starts without a descriptor of the directory, since a kept one cannot be led astray.
    using writer = new TreeWriter(root);
    for (let index = 0; index < 20; index += 1) {
      try {
        writeFile(writer, `a/b/f${index}`, "x");
        writeFile(writer, "a/b/canary", "dead");
        writer.directory(Buffer.from("a/b/new"), metadata(0o777));
        writer.link(Buffer.from("stolen"), Buffer.from("a/b/canary"));
        written += 1;
      } catch (error) {
        ok(error instanceof Error);
      }
      writer.remove(Buffer.from("unrelated"));
    }
  }
  deepEqual(readdirSync(host), ["canary"]);
  equal(readFileSync(join(host, "canary"), "utf8"), "alive");
  equal(lstatSync(join(host, "canary")).nlink, 1);
});
