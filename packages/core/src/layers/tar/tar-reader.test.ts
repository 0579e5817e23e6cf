import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { makeTar, padded, paxHeader, paxRecord, tarEntry, tarHeader } from "../testing/make-tar.ts";
import { readTar } from "./read-tar.ts";
import { TarReader } from "./tar-reader.ts";
import type { TarEntry } from "./types.ts";

const limits = { headers: 1000, headerBytes: 1 << 20 };

interface Read {
  readonly entry: TarEntry;
  readonly path: string;
  readonly link: string;
  readonly data: string;
}

function read(archive: Buffer, chunkBytes = archive.length, own = limits): readonly Read[] {
  const found: { entry: TarEntry; path: string; link: string; data: string; isEnded: boolean }[] = [];
  const reader = new TarReader(
    {
      entry(entry) {
        found.push({
          entry,
          path: entry.path.toString("latin1"),
          link: entry.linkPath.toString("latin1"),
          data: "",
          isEnded: false,
        });
      },
      data(chunk, start, end) {
        ok(end > start);
        const last = found.at(-1);
        ok(last !== undefined && !last.isEnded);
        last.data += chunk.toString("latin1", start, end);
      },
      endOfFile() {
        const last = found.at(-1);
        equal(last?.isEnded, false);
        if (last !== undefined) last.isEnded = true;
      },
    },
    own,
  );
  for (let at = 0; at < archive.length; at += chunkBytes) reader.push(archive.subarray(at, at + chunkBytes));
  reader.finish();
  for (const { entry, isEnded } of found) equal(isEnded, entry.type === "file");
  return found;
}

function refuses(archive: Buffer, message: RegExp, code: Code = Code.InvalidArgument): void {
  throws(() => read(archive), { code, message });
}

function scratch(t: { after(task: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), "crib-tar-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("every format of GNU tar is read alike, in chunks of any size", (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, "d"));
  writeFileSync(join(directory, "d/a"), "hello");
  writeFileSync(join(directory, "d/empty"), "");
  writeFileSync(join(directory, "d/blocks"), "x".repeat(1024));
  symlinkSync("a", join(directory, "d/link"));
  execFileSync("ln", [join(directory, "d/a"), join(directory, "d/hard")]);
  for (const format of ["v7", "oldgnu", "gnu", "ustar", "pax"]) {
    const args = ["-c", "--sort=name", "--mtime=@12345.5", `--format=${format}`, "-C", directory, "d"];
    const archive = execFileSync("tar", args);
    for (const chunkBytes of [archive.length, 1, 511, 513, 700]) {
      const found = read(archive, chunkBytes);
      deepEqual(
        found.map(({ entry, path, link, data }) => [entry.type, path, link, data.length]),
        [
          ["directory", "d/", "", 0],
          ["file", "d/a", "", 5],
          ["file", "d/blocks", "", 1024],
          ["file", "d/empty", "", 0],
          ["link", "d/hard", "d/a", 0],
          ["symlink", "d/link", "a", 0],
        ],
      );
      const nanoseconds = format === "pax" ? 500_000_000 : 0;
      deepEqual(found[1]?.entry.mtime, { seconds: 12345, nanoseconds });
    }
  }
});

test("long names and links of GNU and PAX, and the prefix of ustar, are put together", (t) => {
  const directory = scratch(t);
  const long = `${"l".repeat(200)}/${"m".repeat(200)}`;
  mkdirSync(join(directory, "l".repeat(200)));
  writeFileSync(join(directory, long), "x");
  symlinkSync(long, join(directory, "link"));
  for (const format of ["gnu", "pax"]) {
    const archive = execFileSync("tar", ["-c", "--sort=name", `--format=${format}`, "-C", directory, "."]);
    const found = read(archive);
    equal(found.find(({ entry }) => entry.type === "file")?.path, `./${long}`);
    equal(found.find(({ entry }) => entry.type === "symlink")?.link, long);
  }
  const prefixed = tarEntry({ path: "file", patch: (header) => header.write("some/where", 345) });
  equal(read(makeTar(prefixed))[0]?.path, "some/where/file");
});

test("sparse files of all four formats have their map, not their holes", (t) => {
  const directory = scratch(t);
  const file = join(directory, "sparse");
  execFileSync("truncate", ["-s", "40M", file]);
  for (let at = 0; at < 30; at += 1) {
    execFileSync("dd", [`of=${file}`, "bs=4096", "count=1", `seek=${at * 100}`, "conv=notrunc", "status=none"], {
      input: Buffer.alloc(4096, 65 + at),
    });
  }
  for (const format of [["gnu"], ["pax", "0.0"], ["pax", "0.1"], ["pax", "1.0"]]) {
    const version = format[1] === undefined ? [] : [`--sparse-version=${format[1]}`];
    const args = ["-c", "-S", "--hole-detection=raw", `--format=${format[0]}`, ...version, "-C", directory, "sparse"];
    const archive = execFileSync("tar", args);
    for (const chunkBytes of [archive.length, 1000]) {
      const [found] = read(archive, chunkBytes);
      const sparse = found?.entry.sparse;
      equal(found?.path, "sparse");
      equal(sparse?.size, 40 << 20);
      const regions = [...(sparse?.regions ?? [])];
      for (let at = 0; at < 30; at += 1) deepEqual(regions.slice(at * 2, at * 2 + 2), [at * 409_600, 4096]);
      equal(found?.data.length, 30 * 4096);
      equal(found.data[5 * 4096], "F");
    }
  }
});

test("fields of a PAX header stand for those of the header; attributes are bytes", () => {
  const value = Buffer.from([1, 0, 255, 10, 61, 128]);
  const found = read(
    makeTar(
      paxHeader(
        [
          ["comment", "global"],
          ["path", "never"],
        ],
        "g",
      ),
      paxHeader([
        ["path", Buffer.from([0x61, 0xff])],
        ["uid", "4294967294"],
        ["gid", "70000"],
        ["size", "3"],
        ["mtime", "-1.25"],
        ["atime", "5.000000001999"],
        ["SCHILY.xattr.user.a", "first"],
        ["SCHILY.xattr.user.a", value],
        ["SCHILY.xattr.user.empty", ""],
        ["linkpath", ""],
      ]),
      tarEntry({ path: "short", mode: 0o106755 }, "abc"),
      tarEntry({ path: "next" }),
    ),
  );
  deepEqual(
    found.map(({ path, data }) => [path, data]),
    [
      ["a\u00ff", "abc"],
      ["next", ""],
    ],
  );
  const entry = found[0]?.entry;
  equal(entry?.mode, 0o6755);
  deepEqual([entry.uid, entry.gid], [4_294_967_294, 70_000]);
  deepEqual(entry.mtime, { seconds: -2, nanoseconds: 750_000_000 });
  deepEqual(entry.atime, { seconds: 5, nanoseconds: 1 });
  deepEqual(entry.xattrs, [
    { name: Buffer.from("user.a"), value },
    { name: Buffer.from("user.empty"), value: Buffer.alloc(0) },
  ]);
});

test("numbers are octal or base 256, and nothing else", () => {
  const uid = (bytes: readonly number[]): Buffer => Buffer.from(bytes);
  const owner = (field: Buffer): number | undefined => read(makeTar(tarEntry({ path: "a", uid: field })))[0]?.entry.uid;
  equal(owner(uid([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe])), 4_294_967_294);
  equal(owner(Buffer.from("  12 \0\0\0")), 10);
  equal(owner(Buffer.alloc(8)), 0);
  const [old] = read(makeTar(tarEntry({ path: "a", mtime: Buffer.alloc(12, 0xff) })));
  deepEqual(old?.entry.mtime, { seconds: -1, nanoseconds: 0 });
  for (const field of ["12x", "9", "-1", "0x10", "1 2"]) {
    refuses(
      makeTar(tarEntry({ path: "a", uid: Buffer.from(field.padEnd(8, "\0")) })),
      /owner of an entry is no number/,
    );
  }
  refuses(
    makeTar(tarEntry({ path: "a", uid: uid([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) })),
    /"a" has owner 4294967295/,
  );
  refuses(makeTar(tarEntry({ path: "a", uid: Buffer.alloc(8, 0xff) })), /"a" has owner -1/);
  refuses(makeTar(tarEntry({ path: "a", size: Buffer.alloc(12, 0xff) })), /negative size/);
  const huge = Buffer.alloc(12, 0xff);
  huge[0] = 0x80;
  refuses(makeTar(tarEntry({ path: "a", size: huge })), /size of an entry is out of range/);
});

test("checksums may be of signed bytes and must be right", () => {
  const entry = tarHeader({ path: Buffer.from([0x61, 0xff, 0xfe]) });
  const sum = Number.parseInt(entry.toString("latin1", 148, 154), 8);
  entry.write(`${(sum - 512).toString(8).padStart(6, "0")}\0 `, 148);
  equal(read(makeTar(entry))[0]?.path, "a\u00ff\u00fe");
  entry.write("000001\0 ", 148);
  refuses(makeTar(entry), /wrong checksum/);
});

test("types: contiguous is a file, a slash makes an old file a directory, data follows files only, others are refused", () => {
  const found = read(
    makeTar(
      tarEntry({ path: "contiguous", flag: "7" }, "abc"),
      tarEntry({ path: "old/", flag: "\0" }),
      tarHeader({ path: "sized", flag: "5", size: 5000 }),
      tarHeader({ path: "hard", flag: "1", linkPath: "contiguous", size: 5000 }),
      tarHeader({ path: "null", flag: "3", deviceMajor: 1, deviceMinor: 3 }),
    ),
  );
  deepEqual(
    found.map(({ entry }) => entry.type),
    ["file", "directory", "directory", "link", "character"],
  );
  deepEqual([found[4]?.entry.deviceMajor, found[4]?.entry.deviceMinor], [1, 3]);
  for (const flag of ["V", "M", "N", "8", "\u00ff"]) {
    refuses(makeTar(tarEntry({ path: "odd", flag })), /"odd" has the unknown type/);
  }
});

test("an archive that ends early, or goes on after a block of zeros, is refused", () => {
  const whole = makeTar(paxHeader([["path", "b"]]), tarEntry({ path: "a" }, "data"));
  for (const bytes of [100, 512, 600, 1024, 1300, 1536, 1538, 1600]) {
    refuses(whole.subarray(0, bytes), /ends in the middle/);
  }
  equal(read(whole.subarray(0, 2048)).length, 1);
  equal(read(whole.subarray(0, 2560)).length, 1);
  equal(read(Buffer.alloc(0)).length, 0);
  equal(read(Buffer.concat([whole, Buffer.from("whatever")])).length, 1);
  refuses(Buffer.concat([Buffer.alloc(512), whole]), /something follows/);
  refuses(makeTar(paxHeader([["path", "b"]])), /ends in the middle/);
  refuses(Buffer.alloc(512, "garbage"), /no number|wrong checksum/);
});

test("PAX headers that break their form are refused", () => {
  const withData = (data: string | Buffer): Buffer =>
    makeTar(tarEntry({ path: "x", flag: "x" }, data), tarEntry({ path: "a" }));
  for (const data of [
    "0 a=b\n",
    "5 a=b",
    "99 a=b\n",
    "-6 a=b\n",
    "6 a=bc",
    "4 =b\n",
    "7 abcd\n",
    "1",
    "\n",
    "999999999 a=b\n",
  ]) {
    refuses(withData(data), /PAX header/);
  }
  refuses(withData(paxRecord("path", "a\0b")), /a path in a PAX header has a NUL/);
  refuses(withData(paxRecord("linkpath", "a\0b")), /a link in a PAX header has a NUL/);
  refuses(withData(paxRecord("SCHILY.xattr.user.\0", "b")), /has a NUL/);
  for (const size of ["-1", "1e3", "0x10", " 1", "9007199254740993", "99999999999999999999"]) {
    refuses(withData(paxRecord("size", size)), /a size in a PAX header is no number/);
  }
  refuses(withData(paxRecord("mtime", "now")), /a time in a PAX header/);
});

test("what would take much memory is refused before it does", () => {
  refuses(makeTar(tarHeader({ path: "x", flag: "x", size: 1 << 21 })), /more than 1048576/, Code.ResourceExhausted);
  refuses(makeTar(tarHeader({ path: "x", flag: "L", size: 1 << 30 })), /more than 1048576/, Code.ResourceExhausted);
  const many = [
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.realsize", "10"],
  ] as const;
  refuses(makeTar(paxHeader(many), tarEntry({ path: "s" }, "2147483648\n1\n1\n")), /too long/, Code.ResourceExhausted);
  const extension = Buffer.alloc(512);
  for (let at = 0; at < 21; at += 1) extension.write(`00000000001\0${"0".repeat(11)}\0`, at * 24);
  extension[504] = 1;
  const old = tarHeader({
    path: "s",
    flag: "S",
    patch: (header) => {
      header[482] = 1;
      header.write("00000000010\0", 483);
    },
  });
  refuses(Buffer.concat([old, ...Array.from({ length: 3000 }, () => extension)]), /too long/, Code.ResourceExhausted);
  const entries = Array.from({ length: 11 }, (_, index) => tarEntry({ path: `f${index}` }));
  throws(() => read(makeTar(...entries), 512, { ...limits, headers: 10 }), { code: Code.ResourceExhausted });
});

test("sparse maps that lie are refused", () => {
  const sparse = (size: string, map: string, data: string): Buffer =>
    makeTar(
      paxHeader([
        ["GNU.sparse.size", size],
        ["GNU.sparse.map", map],
      ]),
      tarEntry({ path: "s" }, data),
    );
  equal(read(sparse("10", "0,2,8,2", "abcd"))[0]?.data, "abcd");
  for (const map of [
    "0,2,1,2",
    "8,2,0,2",
    "0,2,9,2",
    "0,2,8",
    "0,4,8,2",
    "0,-2,8,6",
    ",",
    "0,2,8,2,",
    "9007199254740991,4",
  ]) {
    refuses(sparse("10", map, "abcd"), /sparse map/);
  }
  refuses(sparse("x", "0,4", "abcd"), /size of a sparse file/);
  const leading = [
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.realsize", "10"],
  ] as const;
  refuses(makeTar(paxHeader(leading), tarEntry({ path: "s" }, padded(Buffer.from("3\n0\n1\n")))), /sparse map/);
  refuses(makeTar(paxHeader(leading), tarEntry({ path: "s" }, Buffer.alloc(512, "1"))), /sparse map/);
});

test("a stream is read as events, no faster than they are taken", async () => {
  const archive = makeTar(tarEntry({ path: "a" }, "hello"), tarEntry({ path: "b", flag: "5" }));
  let given = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (; given * 256 < archive.length; given += 1) yield archive.subarray(given * 256, given * 256 + 256);
  }
  const seen: string[] = [];
  for await (const event of readTar(source(), limits)) {
    if (event.kind === "entry" && seen.length === 0) equal(given, 1);
    seen.push(
      event.kind === "entry" ? event.entry.path.toString() : event.kind === "data" ? event.bytes.toString() : ".",
    );
  }
  deepEqual(seen, ["a", "hello", ".", "b"]);
});
