import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { describeTree } from "./testing/describe-tree.ts";
import { makeTar, paxHeader, tarEntry, tarHeader } from "./testing/make-tar.ts";
import { LayerBench, needsRoot } from "./testing/unpack-archive.ts";

const bench = new LayerBench();

/** What GNU tar makes of an archive. */
function extractWithTar(archive: Buffer): string {
  const target = bench.makeDirectory();
  const args = [
    "-x",
    "-p",
    "--xattrs",
    "--xattrs-include=*",
    "--numeric-owner",
    "--same-owner",
    "--warning=no-timestamp",
    "-C",
    target,
  ];
  execFileSync("tar", args, { input: archive });
  return target;
}

function below(directory: string, name: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name as string)]);
}

/** Files of all types, with all that they may have. */
function makeTree(): string {
  const root = bench.makeDirectory();
  for (const [name, mode] of [
    ["plain", 0o755],
    ["closed", 0o700],
    ["unwritable", 0o555],
    ["sticky", 0o1777],
    ["set-group-id", 0o2775],
    ["nothing", 0],
  ] as const) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, "in"), name);
    mkdirSync(join(root, name, "deeper"));
    chmodSync(join(root, name), mode);
  }
  for (const mode of [0o600, 0o4755, 0o2711, 0o6777, 0o1644, 0o000, 0o777]) {
    writeFileSync(join(root, `mode-${mode.toString(8)}`), "x".repeat(mode));
    chmodSync(join(root, `mode-${mode.toString(8)}`), mode);
  }
  writeFileSync(below(root, Buffer.from([0x66, 0xff, 0xfe])), "not UTF-8");
  writeFileSync(below(root, Buffer.from([0x66, 0xc3, 0xa9])), "composed");
  writeFileSync(below(root, "fe\u0301"), "decomposed");
  writeFileSync(join(root, "line\nbreak"), "");
  writeFileSync(join(root, "n".repeat(255)), "the longest name");
  const deep = join(root, ...Array.from({ length: 20 }, (_, index) => `directory-number-${index}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "file"), "deep");
  writeFileSync(join(root, "large"), Buffer.alloc(1_000_000, "0123456789abcde"));
  symlinkSync("plain/in", join(root, "link"));
  symlinkSync("/absolute/nowhere", join(root, "dangling"));
  symlinkSync("t".repeat(4000), join(root, "long-link"));
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), join(root, "link-of-bytes"));
  linkSync(join(root, "plain/in"), join(root, "hard"));
  linkSync(join(root, "link"), join(root, "hard-to-link"));
  execFileSync("mkfifo", ["-m", "640", join(root, "fifo")]);
  execFileSync("mknod", ["-m", "660", join(root, "null"), "c", "1", "3"]);
  execFileSync("mknod", ["-m", "600", join(root, "disk"), "b", "259", "70000"]);
  makeSparse(join(root, "sparse"));
  setOwners(root);
  execFileSync("setcap", ["cap_net_raw,cap_setuid=ep", join(root, "mode-777")]);
  setTimes(root);
  return root;
}

function makeSparse(path: string): void {
  const fd = openSync(path, "w");
  for (let at = 0; at < 40; at += 1) writeSync(fd, Buffer.alloc(5000, at + 1), 0, 5000, at * 60_000);
  ftruncateSync(fd, 3_000_000);
  closeSync(fd);
}

function setOwners(root: string): void {
  lchownSync(join(root, "plain"), 1000, 1001);
  lchownSync(join(root, "set-group-id"), 0, 70_000);
  lchownSync(join(root, "mode-600"), 70_000, 0);
  lchownSync(join(root, "mode-4755"), 65_534, 65_534);
  chmodSync(join(root, "mode-4755"), 0o4755);
  lchownSync(join(root, "large"), 4_294_967_294, 4_294_967_294);
  lchownSync(join(root, "link"), 12, 34);
  lchownSync(join(root, "fifo"), 5, 6);
}

function setTimes(root: string): void {
  utimesSync(join(root, "large"), 1, 1_234_567_890.987654);
  utimesSync(join(root, "mode-600"), 1, 0);
  utimesSync(join(root, "mode-777"), 1, -86_400.25);
  utimesSync(join(root, "null"), 1, 2_000_000_000);
  utimesSync(join(root, "closed"), 1, 999);
  utimesSync(join(root, "directory-number-0/directory-number-1"), 1, 888.5);
  lutimesSync(join(root, "link"), 1, 777);
}

test("a tree is the one that GNU tar makes of the same archive, whatever the format", needsRoot, async () => {
  const source = makeTree();
  const original = describeTree(source);
  ok(original.length > 60);
  for (const format of ["gnu", "oldgnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "pax"]) {
    const options = [`--format=${format}`, "--xattrs", "--xattrs-include=*"].join(" ").split(" ");
    const isPax = format.startsWith("pax");
    const args = ["-c", "-S", ...(isPax ? options : options.slice(0, 1)), "--numeric-owner", "-C", source, "."];
    const archive = execFileSync("tar", args, { maxBuffer: 1 << 30 });
    const { target } = await bench.unpack(archive);
    deepEqual(describeTree(target), describeTree(extractWithTar(archive)), format);
    if (isPax) deepEqual(describeTree(target), original, format);
    const blocks = execFileSync("du", ["-k", join(target, "sparse")], { encoding: "utf8" });
    ok(Number(blocks.split("\t")[0]) < 1000, `holes are holes: ${blocks}`);
  }
});

test(
  "attributes are bytes, on files of every type that can have them; capabilities outlast a change of owner",
  needsRoot,
  async () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const value = Buffer.from([0, 1, 255, 10, 61, 0]);
    const with_ = (...records: (readonly [string, string | Buffer])[]): Buffer => paxHeader(records);
    const archive = makeTar(
      with_(["SCHILY.xattr.user.on-root", "r"]),
      tarEntry({ path: "./", flag: "5", mode: 0o755 }),
      with_(["SCHILY.xattr.security.capability", capability], ["SCHILY.xattr.user.binary", value]),
      tarEntry({ path: "ping", mode: 0o4755, uid: 1000, gid: 1000 }, "elf"),
      with_(["SCHILY.xattr.user.empty", ""], ["SCHILY.xattr.trusted.large", Buffer.alloc(300, 7)]),
      tarEntry({ path: "dir/", flag: "5", mode: 0o2750, gid: 5 }),
      with_(["SCHILY.xattr.trusted.on-link", "l"]),
      tarEntry({ path: "link", flag: "2", linkPath: "nowhere" }),
      with_(["SCHILY.xattr.trusted.on-fifo", "f"]),
      tarEntry({ path: "fifo", flag: "6" }),
    );
    const { target } = await bench.unpack(archive);
    deepEqual(describeTree(target), describeTree(extractWithTar(archive)));
    const lines = describeTree(target).join("\n");
    ok(lines.includes(`security.capability=${capability.toString("hex")} user.binary=${value.toString("hex")}`), lines);
    ok(lines.includes(" trusted.on-link=6c"), lines);
  },
);

test(
  "attributes that would speak to overlayfs or a foreign policy are dropped, unsupported ones passed over",
  needsRoot,
  async () => {
    const archive = makeTar(
      paxHeader([
        ["SCHILY.xattr.trusted.overlay.opaque", "y"],
        ["SCHILY.xattr.trusted.overlay.redirect", "/etc"],
        ["SCHILY.xattr.user.overlay.opaque", "y"],
        ["SCHILY.xattr.security.selinux", "system_u:object_r:bin_t:s0"],
        ["SCHILY.xattr.unknown.name", "x"],
        ["SCHILY.xattr.user.kept", "k"],
      ]),
      tarEntry({ path: "dir", flag: "5" }),
      paxHeader([["SCHILY.xattr.user.on-link", "never"]]),
      tarEntry({ path: "link", flag: "2", linkPath: "dir" }),
    );
    const { target } = await bench.unpack(archive);
    const lines = describeTree(target).join("\n");
    ok(lines.includes(" user.kept=6b"), lines);
    ok(!/overlay|selinux|unknown|on-link/.test(lines), lines);
  },
);

test("a default ACL holds for what is made later, not for what is in the layer", needsRoot, async () => {
  // Version 2; user, group, mask and others without any permission.
  const acl = Buffer.from(["02000000", "01000000ffffffff", "04000000ffffffff", "20000000ffffffff"].join(""), "hex");
  const archive = makeTar(
    paxHeader([["SCHILY.xattr.system.posix_acl_default", acl]]),
    tarEntry({ path: "dir/", flag: "5", mode: 0o755 }),
    tarEntry({ path: "dir/file", mode: 0o666 }, "x"),
    tarEntry({ path: "dir/sub/", flag: "5", mode: 0o777 }),
  );
  const { target } = await bench.unpack(archive);
  const lines = describeTree(target);
  ok(
    lines.some((line) => line.startsWith('"./dir/file" file 666 ') && !line.includes("acl")),
    lines.join("\n"),
  );
  ok(
    lines.some((line) => line.startsWith('"./dir/sub/" directory 777 ') && !line.includes("acl")),
    lines.join("\n"),
  );
  ok(
    lines.some((line) => line.startsWith('"./dir/" directory') && line.includes("posix_acl_default")),
    lines.join("\n"),
  );
});

test("later entries replace earlier ones, directories stay with what is in them", needsRoot, async () => {
  const archive = makeTar(
    tarEntry({ path: "file" }, "first"),
    tarEntry({ path: "file", mode: 0o4711 }, "second"),
    tarEntry({ path: "tree/", flag: "5", mode: 0o700 }),
    tarEntry({ path: "tree/a/b/c" }, "deep"),
    tarEntry({ path: "tree/", flag: "5", mode: 0o751, mtime: 5000 }),
    tarEntry({ path: "gone/a/b" }, "gone"),
    tarEntry({ path: "gone" }, "a file now"),
    tarEntry({ path: "linked", flag: "2", linkPath: "tree" }),
    tarEntry({ path: "linked/", flag: "5", mode: 0o711 }),
    tarEntry({ path: "linked/new" }, "n"),
    tarEntry({ path: "fifo" }, "x"),
    tarEntry({ path: "fifo", flag: "6" }),
    tarEntry({ path: "self" }, "itself"),
    tarEntry({ path: "self", flag: "1", linkPath: "self" }),
    tarEntry({ path: "twin" }, "x"),
    tarEntry({ path: "twin", flag: "1", linkPath: "file" }),
  );
  const { target } = await bench.unpack(archive);
  const lines = describeTree(target).map((line) => line.replace(/ \d+:\d+ \S+/, ""));
  deepEqual(
    lines.filter((line) => !line.startsWith('"./" ')).map((line) => line.split(" #")[0]),
    [
      '"./fifo" fifo 644 0',
      '"./file" file 4711 6',
      '"./gone" file 644 10',
      '"./linked/" directory 711 0',
      '"./linked/new" file 644 1',
      '"./self" file 644 6',
      '"./tree/" directory 751 0',
      '"./tree/a/" directory 755 0',
      '"./tree/a/b/" directory 755 0',
      '"./tree/a/b/c" file 644 4',
      '"./twin" link 4711 0 -> "./file"',
    ],
  );
  ok(describeTree(target).some((line) => line.startsWith('"./tree/"') && line.includes(" 5000.000000000 ")));
});

test("whiteouts and opaque directories take the form of overlayfs, in any order", needsRoot, async () => {
  const archive = makeTar(
    tarEntry({ path: "a/.wh.gone" }),
    tarEntry({ path: "b/", flag: "5" }),
    tarEntry({ path: "b/early" }),
    tarEntry({ path: "b/.wh..wh..opq" }),
    tarEntry({ path: "b/late" }),
    tarEntry({ path: ".wh.replaced" }),
    tarEntry({ path: "replaced/", flag: "5" }),
    tarEntry({ path: ".wh.implied" }),
    tarEntry({ path: "implied/file" }),
    tarEntry({ path: "stays/file" }),
    tarEntry({ path: ".wh.stays" }),
    tarEntry({ path: "file" }, "kept"),
    tarEntry({ path: ".wh.file" }),
    tarEntry({ path: ".wh.later" }),
    tarEntry({ path: "later" }, "wins"),
    tarEntry({ path: "link", flag: "2", linkPath: "b" }),
    tarEntry({ path: "link/.wh.through" }),
    tarEntry({ path: ".wh..wh.aufs" }, "x"),
    tarEntry({ path: ".wh..wh.plnk/", flag: "5" }),
    tarEntry({ path: ".wh..wh.plnk/12.34" }, "x"),
    tarEntry({ path: "b/.wh..wh.orph" }, "x"),
  );
  const { target, layer } = await bench.unpack(archive);
  const opaque = "trusted.overlay.opaque=79";
  const lines = describeTree(target).map((line) => {
    const [path, type] = line.split(" ");
    return `${path} ${type}${line.includes("dev=0:0") ? " 0:0" : ""}${line.includes(opaque) ? " opaque" : ""}`;
  });
  deepEqual(lines, [
    '"./" directory',
    '"./a/" directory',
    '"./a/gone" character 0:0',
    '"./b/" directory opaque',
    '"./b/early" file',
    '"./b/late" file',
    '"./b/through" character 0:0',
    '"./file" file',
    '"./implied/" directory opaque',
    '"./implied/file" file',
    '"./later" file',
    '"./link" symlink',
    '"./replaced/" directory opaque',
    '"./stays/" directory opaque',
    '"./stays/file" file',
  ]);
  // What was removed below lends nothing.
  deepEqual(
    layer.impliedDirectories.map((path) => Buffer.from(path, "base64").toString()),
    ["", "a"],
  );
});

test("parents are made where links lead, inside of the layer", needsRoot, async () => {
  const archive = makeTar(
    tarEntry({ path: "lib", flag: "2", linkPath: "/usr/lib" }),
    tarEntry({ path: "lib/one/file" }, "1"),
    tarEntry({ path: "up", flag: "2", linkPath: "../../../../var" }),
    tarEntry({ path: "up/two" }, "2"),
    tarEntry({ path: "x/y/rel", flag: "2", linkPath: "../z/./w/" }),
    tarEntry({ path: "x/y/rel/three" }, "3"),
    tarEntry({ path: "loop", flag: "2", linkPath: "/" }),
    tarEntry({ path: "loop/loop/loop/four" }, "4"),
    tarEntry({ path: ".//./five" }, "5"),
    tarEntry({ path: "/six//six/" }, "6"),
  );
  const { target, layer } = await bench.unpack(archive);
  for (const [path, content] of [
    ["usr/lib/one/file", "1"],
    ["var/two", "2"],
    ["x/z/w/three", "3"],
    ["four", "4"],
    ["five", "5"],
    ["six/six", "6"],
  ]) {
    equal(execFileSync("cat", [join(target, path ?? "")], { encoding: "utf8" }), content);
  }
  deepEqual(
    layer.impliedDirectories.map((path) => Buffer.from(path, "base64").toString()),
    ["", "x", "x/y", "six"],
  );
});

test("a directory of another group lends it to nothing but what asks for it", needsRoot, async () => {
  const { target } = await bench.unpack(
    makeTar(
      tarEntry({ path: "./", flag: "5", mode: 0o2755, gid: 44 }),
      tarEntry({ path: "d/", flag: "5", mode: 0o755 }),
      tarEntry({ path: "f" }, "x"),
      tarEntry({ path: "l", flag: "2", linkPath: "f" }),
      tarEntry({ path: "p", flag: "6" }),
      tarEntry({ path: "implied/g/", flag: "5" }),
      tarHeader({ path: "implied/", flag: "5", mode: 0o2775, gid: 45 }),
      tarEntry({ path: "implied/g/f" }, "x"),
      tarEntry({ path: "implied/h" }, "x"),
    ),
  );
  const owners = describeTree(target).map((line) =>
    line
      .split(" ")
      .filter((_, index) => index !== 1 && index < 4)
      .join(" "),
  );
  deepEqual(owners, [
    '"./" 2755 0:44',
    '"./d/" 755 0:0',
    '"./f" 644 0:0',
    '"./implied/" 2775 0:45',
    '"./implied/g/" 644 0:0',
    '"./implied/g/f" 644 0:0',
    '"./implied/h" 644 0:0',
    '"./l" 777 0:0',
    '"./p" 644 0:0',
  ]);
});
