import { equal, ok, rejects } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";

import { Canary } from "./testing/canary.ts";
import { makeTar, padded, paxHeader, paxRecord, tarEntry, tarHeader } from "./testing/make-tar.ts";
import { LayerBench, needsRoot, sha256 } from "./testing/unpack-archive.ts";

const bench = new LayerBench();
const inMemory = new LayerBench(existsSync("/dev/shm") ? "/dev/shm" : undefined);
const canary = needsRoot.skip === false ? new Canary() : undefined;
const host = canary?.directory ?? "/nonexistent";
const up = "../".repeat(12);

const link = (path: string, linkPath: string): Buffer => tarEntry({ path, flag: "2", linkPath });
const hard = (path: string, linkPath: string): Buffer => tarEntry({ path, flag: "1", linkPath });
const file = (path: string, mode = 0o4777): Buffer => tarEntry({ path, mode }, "written by a layer");
const directory = (path: string, mode = 0o777): Buffer => tarEntry({ path, flag: "5", mode });
const node = (path: string): Buffer => tarEntry({ path, flag: "3", deviceMajor: 1, deviceMinor: 3 });
const fifo = (path: string): Buffer => tarEntry({ path, flag: "6" });

/** Unpacks; a layer may be refused, with a code that says that it is to blame. */
async function attempt(archive: Buffer): Promise<string> {
  try {
    const { target } = await bench.unpack(archive);
    return target;
  } catch (error) {
    ok(error instanceof StatusError, String(error));
    ok(error.code === Code.InvalidArgument || error.code === Code.ResourceExhausted, error.message);
    return "";
  }
}

async function refused(archive: Buffer, message: RegExp, code: Code = Code.InvalidArgument): Promise<void> {
  const start = performance.now();
  await rejects(bench.unpack(archive), { code, message });
  ok(performance.now() - start < 30_000, "soon");
}

test("what changes a file never follows a link in its place", needsRoot, async () => {
  const at = canary?.file ?? "";
  for (const over of [file("a"), node("a"), fifo("a"), link("a", "b"), directory("a/"), file(".wh.a")]) {
    const target = await attempt(makeTar(link("a", at), over));
    if (over !== undefined && !over.subarray(0, 5).toString().startsWith(".wh.")) ok(target.length > 0);
    canary?.check("an entry over a link");
  }
  const target = await attempt(makeTar(link("a", at), file("a")));
  equal(readFileSync(join(target, "a"), "utf8"), "written by a layer");
  equal(statSync(join(target, "a")).mode & 0o7777, 0o4777);
});

test("sixty chains of links stay inside, or are refused", needsRoot, async () => {
  const roots = [host, `${up}${host.slice(1)}`, `./${up}${host.slice(1)}`, `/proc/self/root${host}`, "/proc/self/cwd"];
  let count = 0;
  for (const root of roots) {
    for (const chain of [
      [link("a", root)],
      [link("b", root), link("a", "b")],
      [link("c", dirname(root)), link("a", "c/etc/..")],
      [directory("d/"), link("d/e", root), link("a", "d/e")],
      [directory("a/"), link("a", root)],
      [link("a", root), directory("a/"), link("a", root)],
    ]) {
      for (const last of [
        [file("a/shadow"), file("a/etc/passwd"), directory("a/new/"), node("a/null")],
        [hard("h", "a/shadow"), file("h"), hard("h2", "a"), directory("a/etc/", 0o700)],
        [file("a/.wh.shadow"), file("a/etc/.wh..wh..opq"), file("a/.wh.etc")],
      ]) {
        await attempt(makeTar(...chain, ...last));
        count += 1;
      }
    }
    canary?.check(`links to ${root}`);
  }
  ok(count >= 60);
});

test("a hard link through links that lead up is refused and gives the host's file no name", needsRoot, async () => {
  const archive = makeTar(
    directory("c/"),
    link("c/up", "../.."),
    link("escape", `c/up/${up}${host.slice(1)}`),
    hard("stolen", "escape/shadow"),
  );
  const { layer, target } = await bench.unpack(archive);
  // It might be a link to a layer below; there it is looked up in the same way.
  equal(layer.linksBelow.length, 1);
  const below = bench.makeDirectory();
  const settled = bench.unpacker.settle(target, layer, [below], AbortSignal.timeout(60_000));
  await rejects(settled, { code: Code.InvalidArgument, message: /"escape\/shadow" is in no layer/ });
  canary?.check("a hard link");
  for (const path of ["../shadow", `${up}${host.slice(1)}/shadow`, "a/../../shadow"]) {
    await refused(makeTar(hard("stolen", path)), /the link .* has "\.\."/);
  }
  canary?.check("a hard link upwards");
});

test("names with .. are refused, absolute ones are inside", needsRoot, async () => {
  for (const path of ["../evil", "a/../../evil", "..", "a/..", "/../evil", "./../evil", "a/../b"]) {
    await refused(makeTar(file(path)), /the path .* has "\.\."/);
  }
  for (const path of [".wh.", "a/.wh.", ".wh..", ".wh...", "a/.wh..."]) {
    await refused(makeTar(file(path)), /names no file|has "\.\."/);
  }
  for (const path of [".", "/", "./", "", "//"]) await refused(makeTar(file(path)), /the root is a file/);
  const target = await attempt(makeTar(file(join(host, "absolute"))));
  equal(readFileSync(join(target, host, "absolute"), "utf8"), "written by a layer");
  canary?.check("paths");
});

test("a directory that was made and then replaced is not remembered", needsRoot, async () => {
  const composed = "d\u00e9";
  const decomposed = "de\u0301";
  for (const [first, second] of [
    ["d", "d"],
    [composed, composed],
    [composed, decomposed],
    ["D", "d"],
  ] as const) {
    const target = await attempt(
      makeTar(
        directory(`${first}/`),
        file(`${first}/before`),
        link(second, host),
        file(`${second}/shadow`),
        file(`${second}/f`),
        file(`${first}/after`),
      ),
    );
    ok(target.length > 0);
    canary?.check("a replaced directory");
  }
  const deep = [directory("x/y/z/"), file("x/y/z/f"), link("x", host), file("x/y/z/g"), file("x/shadow")];
  await attempt(makeTar(...deep));
  await attempt(makeTar(directory("x/y/"), file("x/y/f"), file("x"), link("x", host), file("x/shadow")));
  canary?.check("a replaced parent");
});

test("PAX and header fields that lie are refused", needsRoot, async () => {
  const pax = (...records: (readonly [string, string])[]): Buffer => makeTar(paxHeader(records), file("a"));
  await refused(pax(["path", "a\0b"]), /NUL/);
  await refused(pax(["linkpath", "a\0b"]), /NUL/);
  await refused(pax(["size", "-1"]), /size in a PAX header/);
  await refused(pax(["SCHILY.xattr.", "x"]), /wrong length/);
  await refused(pax([`SCHILY.xattr.user.${"n".repeat(300)}`, "x"]), /wrong length/);
  await refused(pax(["SCHILY.xattr.user.large", "x".repeat(70_000)]), /wrong length/);
  await refused(pax(["path", "n".repeat(256)]), /ENAMETOOLONG/);
  await refused(pax(["path", "n/".repeat(2500)]), /has 5000 bytes, more than 4096/);
  await refused(pax(["path", "n".repeat(5000)]), /more than 4096/);
  const lengths = ["0", "-1", "4294967296", "18446744073709551616"];
  for (const length of lengths) {
    const record = Buffer.from(`${length} SCHILY.xattr.user.a=b\n`);
    await refused(makeTar(tarEntry({ path: "x", flag: "x" }, record), file("a")), /PAX header/);
  }
  for (const size of [
    Buffer.alloc(12, 0xff),
    Buffer.from([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
  ]) {
    await refused(makeTar(tarHeader({ path: "a", size })), /size/);
  }
  await refused(makeTar(link("a", "")), /ENOENT/);
  await refused(makeTar(paxHeader([["linkpath", "t".repeat(4096)]]), link("a", "t")), /ENAMETOOLONG/);
  await refused(makeTar(tarEntry({ path: "a", flag: "3", deviceMajor: 5000 })), /no device/);
  await refused(makeTar(directory("d/"), hard("h", "d")), /target is a directory/);
  await refused(makeTar(directory("d/"), hard("h", "/")), /leads to the root/);
  await refused(makeTar(file("f"), file("f/below")), /"f": it is none/);
  await refused(makeTar(file(".wh.gone"), hard("h", "gone")), /its layer removes the target/);
  await refused(makeTar(link("l", "l"), file("l/f")), /ELOOP/);
});

test("sparse maps and long headers cost no memory", needsRoot, async () => {
  const before = process.memoryUsage().rss;
  const many = paxHeader([
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.realsize", "10"],
  ]);
  const map = padded(Buffer.from(`${2 ** 31}\n0\n1\n`));
  await refused(makeTar(many, tarEntry({ path: "s" }, map)), /too long/, Code.ResourceExhausted);
  await refused(makeTar(tarHeader({ path: "x", flag: "x", size: 2 ** 32 })), /more than/, Code.ResourceExhausted);
  const huge = paxHeader([
    ["GNU.sparse.size", String(2 ** 52)],
    ["GNU.sparse.map", `${2 ** 51},4`],
  ]);
  // Some file systems have files as large, and none needs room for what is not there.
  await attempt(makeTar(huge, tarEntry({ path: "s" }, "abcd")));
  ok(process.memoryUsage().rss - before < 32 << 20);
});

test("a bomb is unpacked within bounds, and refused above them", needsRoot, async () => {
  const size = 1 << 27;
  const bomb = Buffer.concat([tarHeader({ path: "zeros", size }), Buffer.alloc(size), Buffer.alloc(1024)]);
  const diffId = sha256(bomb);
  for (const blob of [gzipSync(bomb), zstdCompressSync(bomb)]) {
    ok(blob.length < 1 << 20);
    const job = { ...bench.makeJob(blob, Buffer.alloc(0), { unpackedBytes: 1 << 26 }), diffId };
    const before = process.memoryUsage().rss;
    await rejects(bench.run(job), { code: Code.ResourceExhausted, message: /archive is larger than 67108864 bytes/ });
    ok(process.memoryUsage().rss - before < 64 << 20);
    // What follows the end of the archive counts as well.
    const after = Buffer.concat([Buffer.alloc(1024), Buffer.alloc(1 << 24)]);
    await rejects(bench.unpack(after, { unpackedBytes: 1 << 20 }), { code: Code.ResourceExhausted });
  }
});

/** Milliseconds of processor time of all threads: what takes too long does on a machine that stalls too, and nothing else. */
function cpuMs(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

test("20,000 opaque markers take no more than twice as long as 10,000", needsRoot, async () => {
  const marks = (count: number, name: (index: number) => string): Buffer =>
    makeTar(...Array.from({ length: count }, (_, index) => tarEntry({ path: name(index) })));
  const time = async (count: number): Promise<number> => {
    const archive = marks(count, (index) => `d${index % 1000}/.wh..wh..opq`);
    const start = process.cpuUsage();
    await inMemory.unpack(archive);
    return cpuMs(start);
  };
  const half = await time(10_000);
  const whole = await time(20_000);
  ok(whole < 5000, `${whole} ms`);
  // Tiny times are all noise.
  ok(whole < Math.max(half, 300) * 2.5, `${half} ms, then ${whole} ms`);
});

test("what a layer ships to be loaded or run is only data", needsRoot, async () => {
  const names = [
    "etc/ld.so.preload",
    "etc/nsswitch.conf",
    "lib/libnss_files.so.2",
    "usr/bin/tar",
    "bin/gzip",
    "bin/zstd",
  ];
  const target = await attempt(makeTar(...names.map((name) => file(name, 0o755))));
  for (const name of names) equal(readFileSync(join(target, name), "utf8"), "written by a layer");
});

test("millions of implied directories are refused before they fill the memory", needsRoot, async () => {
  const entries = Array.from({ length: 40 }, (_, index) => {
    const path = `${index}/${"d/".repeat(1900)}f`;
    return Buffer.concat([paxHeader([["path", path]]), tarEntry({ path: "x" })]);
  });
  await rejects(bench.unpack(makeTar(...entries)), { code: Code.ResourceExhausted, message: /without an entry/ });
  const [left] = readdirSync(bench.directory);
  ok(left !== undefined);
});

test("a repeated attribute or record does not take quadratic time", needsRoot, async () => {
  const records = Array.from({ length: 30_000 }, (_, index) => paxRecord(`SCHILY.xattr.bad.${index}`, "x"));
  const header = tarEntry({ path: "x", flag: "x" }, Buffer.concat(records));
  const start = process.cpuUsage();
  await attempt(makeTar(header, file("a")));
  ok(cpuMs(start) < 4000);
});
