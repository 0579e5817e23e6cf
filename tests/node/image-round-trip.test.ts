import { deepEqual } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { type Compression, layerOfArchive, type TestLayer, testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { type TarEntry, tarArchive } from "../support/images/tar-archive.ts";
import { writeOciLayout } from "../support/images/write-oci-layout.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";

const longName = "names/long".padEnd(90, "x");
const gnuName = "names/gnu".padEnd(90, "x");
const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");

/** Everything that a layer can say. Directories last, since what is put into one changes its time. */
const everything: readonly TarEntry[] = [
  { name: "bin/su", mode: 0o4755, content: "setuid" },
  { name: "bin/write", mode: 0o2755, gid: 5, content: "setgid" },
  { name: "bin/ping", mode: 0o755, content: "ping", xattrs: { "security.capability": capability } },
  { name: "bin/empty" },
  { name: "bin/hard", type: "link", linkname: "bin/su" },
  { name: "bin/hard2", type: "link", linkname: "./bin/hard" },
  { name: "bin/sh", type: "symlink", linkname: "/bin/busybox", uid: 7, gid: 8 },
  { name: "bin/dangling", type: "symlink", linkname: "../../../../nowhere", mtime: 5 },
  { name: "bin/hard-to-link", type: "link", linkname: "bin/dangling" },
  { name: "dev/null", type: "character", major: 1, minor: 3, mode: 0o666 },
  { name: "dev/sda", type: "block", major: 8, minor: 0, mode: 0o660, gid: 6 },
  { name: "dev/wide", type: "character", major: 300, minor: 70_000 },
  { name: "run/pipe", type: "fifo", mode: 0o620 },
  { name: "owner/big", uid: 2_000_000_000, gid: 3_000_000 },
  { name: "owner/nobody", uid: 65_534, gid: 65_534, mode: 0o000, content: "secret" },
  { name: "time/fraction", pax: { mtime: "1600000000.123456789" } },
  { name: "time/epoch", mtime: 0 },
  { name: "time/before", mtime: -1_000_000.5 },
  { name: "time/late", mtime: 4_000_000_000 },
  { name: Buffer.from("names/\xff\xfe not utf-8 \x01", "latin1"), content: "bytes" },
  { name: "names/\u00e9", content: "composed" },
  { name: "names/e\u0301", content: "decomposed" },
  { name: "names/new\nline" },
  { name: "names/-rf *" },
  { name: `${longName}/${"y".repeat(255)}`, content: "pax" },
  { name: `${gnuName}/${"y".repeat(255)}`, content: "gnu", longNames: "gnu" },
  { name: "names/longlink", type: "symlink", linkname: "z/".repeat(1_000) },
  { name: "names/gnulink", type: "symlink", linkname: "z/".repeat(200), longNames: "gnu" },
  { name: "names/..two", content: "dots" },
  { name: "names/...", content: "dots" },
  { name: "xattr/user", xattrs: { "user.a": "1", "user.binary": Buffer.from([0, 255, 10, 61]), "user.empty": "" } },
  { name: "xattr/dir", type: "directory", xattrs: { "user.dir": "yes" } },
  { name: "./dot/slash", content: "x" },
  { name: "//double//slash", content: "x" },
  { name: "sticky", type: "directory", mode: 0o1777, mtime: 1_650_000_000 },
  ...["bin", "dev", "run", "owner", "time", "names", "xattr", "dot", "double", longName, gnuName].map(
    (name): TarEntry => ({
      name: `${name}/`,
      type: "directory",
      mode: 0o751,
      uid: 3,
      mtime: 1_660_000_000,
    }),
  ),
  { name: "./", type: "directory", mode: 0o755, mtime: 1_670_000_000 },
];

test("a layer's tree is the one that GNU tar makes of it", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t);
  const archives: Readonly<Record<string, Buffer>> = {
    "everything that a layer can say": tarArchive(everything),
    "what GNU tar packs, in GNU's format": archiveByTar(t, "gnu"),
    "what GNU tar packs, in PAX format": archiveByTar(t, "posix"),
    "what GNU tar packs, in PAX format with sparse files 0.1": archiveByTar(t, "posix", "0.1"),
    "what GNU tar packs, in PAX format with sparse files 0.0": archiveByTar(t, "posix", "0.0"),
    "what GNU tar packs, in the ustar format": archiveByTar(t, "ustar"),
    "what GNU tar packs, in the format of version 7": archiveByTar(t, "v7"),
  };
  for (const [name, archive] of Object.entries(archives)) {
    await t.test(name, async (t) => {
      const dir = temporary(t);
      const how = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--same-owner", "-xpf", "-"];
      execFileSync("tar", ["-C", dir, ...how], { input: archive, stdio: ["pipe", "ignore", "ignore"] });
      // GNU tar leaves the directory itself alone unless the archive has it; an image's root is 0755.
      const expected = (await listTree(dir)).filter((line) => !line.startsWith("./ "));
      const id = await pull(testImage([layerOfArchive(archive)]));
      const found = await withMountedImage(node, id, (mounted) => listTree(mounted));
      deepEqual(
        found.filter((line) => !line.startsWith("./ ")),
        expected,
      );
    });
  }
});

test("stacked layers are the tree that umoci makes of them", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t);
  const file = (name: string, content = name): TarEntry => ({ name, content });
  const directory = (name: string, mode = 0o755): TarEntry => ({ name, type: "directory", mode });
  const whiteout = (name: string): TarEntry => ({ name: name.replace(/([^/]+)$/, ".wh.$1") });
  const stacks: Readonly<Record<string, readonly (readonly TarEntry[])[]>> = {
    "a file is replaced, a file is removed": [
      [directory("a"), file("a/1"), file("a/2")],
      [file("a/1", "new"), whiteout("a/2")],
    ],
    "a directory is removed": [[directory("a"), directory("a/b", 0o700), file("a/b/1")], [whiteout("a/b")]],
    "a directory is removed and made anew": [
      [directory("a"), directory("a/b", 0o700), file("a/b/1")],
      [whiteout("a/b")],
      [directory("a/b", 0o711), file("a/b/2")],
    ],
    "a directory becomes opaque": [
      [directory("a"), file("a/1"), directory("a/b"), file("a/b/2")],
      [directory("a", 0o700), { name: "a/.wh..wh..opq" }, file("a/3")],
    ],
    "the mark of an opaque directory comes last": [
      [directory("a"), file("a/1")],
      [directory("a"), file("a/3"), { name: "a/.wh..wh..opq" }],
    ],
    "a directory becomes a file, a file a directory": [
      [directory("a"), file("a/1"), file("b")],
      [file("a"), directory("b"), file("b/1")],
    ],
    "a link becomes a directory, a directory a link": [
      [directory("a"), file("a/1"), { name: "l", type: "symlink", linkname: "a" }],
      [directory("l"), file("l/2"), { name: "a", type: "symlink", linkname: "l" }],
    ],
    "a whiteout of what was never there": [[directory("a")], [whiteout("a/nothing")]],
    "a hard link to a file below": [
      [directory("a"), { ...file("a/1"), uid: 5, mode: 0o640 }],
      [{ name: "a/2", type: "link", linkname: "a/1" }],
    ],
    "a file that links point to is replaced above": [
      [directory("a"), file("a/1"), { name: "a/2", type: "link", linkname: "a/1" }],
      [file("a/1", "new")],
    ],
    "directories that the upper layer only implies": [
      [
        { ...directory("a", 0o700), uid: 9, mtime: 1_600_000_000 },
        { ...directory("a/b", 0o711), gid: 9 },
        file("a/b/1"),
      ],
      [file("a/b/2")],
    ],
    "directories that nobody ever described": [[file("x/y/z")], [file("x/y/w")]],
    "the root changes": [
      [directory("."), file("1")],
      [directory(".", 0o711), file("2")],
    ],
    "ten layers of all of this": Array.from({ length: 10 }, (_, layer) => [
      directory("d"),
      file(`d/${layer}`),
      file("d/same", `${layer}`),
      ...(layer > 3 ? [whiteout(`d/${layer - 4}`)] : []),
    ]),
  };
  const packed: readonly Compression[] = ["gzip", "none"];
  for (const [name, stack] of Object.entries(stacks)) {
    await t.test(name, async (t) => {
      const layers = stack.map((entries, index) => testLayer(entries, packed[index % 2]));
      const expected = await unpackedByUmoci(t, layers);
      const id = await pull(testImage(layers));
      const found = await withMountedImage(node, id, (dir) => listTree(dir));
      deepEqual(withoutTimesOfDirectories(found), withoutTimesOfDirectories(withoutLinks(expected, stack)));
    });
  }
});

/** Those that no archive has are as old as their unpacking, and so are those that something was put into later. */
function withoutTimesOfDirectories(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (/ 5 \d+ /.test(line) ? line.replace(/( \d+\/\d+) \S+/, "$1") : line));
}

/** On overlayfs a file that a link of an upper layer points to is a copy: the two layers' files are never one. */
function withoutLinks(lines: readonly string[], stack: readonly (readonly TarEntry[])[]): readonly string[] {
  const own = new Set(stack[0]?.map(({ name }) => `./${String(name)}`));
  return lines.map((line) => {
    const [, name = "", target = ""] = /^(\S+) 1 .* -> (\S+)$/.exec(line) ?? [];
    if (target === "" || own.has(name)) return line;
    return `${name}${lines.find((other) => other.startsWith(`${target} `))?.slice(target.length) ?? ""}`;
  });
}

async function unpackedByUmoci(t: TestContext, layers: readonly TestLayer[]): Promise<readonly string[]> {
  const dir = temporary(t);
  const layout = join(dir, "layout");
  writeOciLayout(layout, "t", testImage(layers));
  await runProgram(["umoci", "unpack", "--image", `${layout}:t`, join(dir, "bundle")]);
  return listTree(join(dir, "bundle/rootfs"));
}

/** An archive of a tree with the files that such archives differ in, sparse ones among them. */
function archiveByTar(t: TestContext, format: string, sparseVersion = "1.0"): Buffer {
  const dir = temporary(t);
  mkdirSync(join(dir, "sub"));
  const isOld = format === "v7" || format === "ustar";
  if (!isOld) {
    for (const [name, size, data] of [
      ["sparse", 20_000_000, [0, 1_000_000, 19_999_999]],
      ["hole", 5_000_000, []],
      ["ends-in-hole", 3_000_000, [0]],
    ] as const) {
      const fd = openSync(join(dir, "sub", name), "w");
      ftruncateSync(fd, size);
      for (const at of data) writeSync(fd, "x", at);
      closeSync(fd);
    }
    const fd = openSync(join(dir, "many-regions"), "w");
    for (let at = 0; at < 100; at++) writeSync(fd, `${at}`, at * 64 * 1024);
    closeSync(fd);
  }
  execFileSync("sh", [
    "-c",
    'cd "$1" && echo file >f && ln f sub/hard && ln -s f l && mkdir -m 1770 d && touch -d @5 sub d',
    "sh",
    dir,
  ]);
  const sparse = isOld ? [] : ["--sparse", ...(format === "posix" ? [`--sparse-version=${sparseVersion}`] : [])];
  return execFileSync("tar", ["-C", dir, `--format=${format}`, "--numeric-owner", ...sparse, "-cf", "-", "."], {
    maxBuffer: 64 << 20,
  });
}

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "crib-tree-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
