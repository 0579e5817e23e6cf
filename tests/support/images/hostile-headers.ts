import { paxHeader, paxRecords, type TarPart } from "./tar-archive.ts";
import { sealed, tarHeader, typeFlags } from "./tar-header.ts";

/** An archive that no tar ever wrote, by what is wrong with it. */
export interface HostileArchive {
  readonly name: string;
  readonly parts: readonly TarPart[];
}

const file: TarPart = { name: "after", content: "x" };
const one = (name: string, ...parts: readonly TarPart[]): HostileArchive => ({ name, parts: [...parts, file] });
const pax = (name: string, records: string | Buffer): HostileArchive =>
  one(name, paxHeader(Buffer.from(records as string)));
const paxOf = (name: string, records: Readonly<Record<string, string | Buffer>>): HostileArchive =>
  one(name, paxHeader(paxRecords(records)));

const sizeAt = 124;
const bytesAt = (offset: number, bytes: readonly number[]) => (header: Buffer) =>
  void Buffer.from(bytes).copy(header, offset);
const textAt = (offset: number, text: string) => (header: Buffer) => void header.write(text, offset, "latin1");
const eightBytes = (first: number, rest: number): readonly number[] => [
  first,
  ...Array.from({ length: 11 }, () => rest),
];

/** Headers whose numbers and texts are out of all bounds (CVE-2026-59873, -59874, -59875); each must be refused. */
export const badHeaders: readonly HostileArchive[] = [
  one("negative size in base 256", { name: "a", change: bytesAt(sizeAt, eightBytes(0xff, 0xff)) }),
  one("most negative size in base 256", { name: "a", change: bytesAt(sizeAt, eightBytes(0xff, 0)) }),
  one("size of 2^63 in base 256", { name: "a", change: bytesAt(sizeAt, [0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]) }),
  one("size of 2^95 in base 256", { name: "a", change: bytesAt(sizeAt, eightBytes(0x80, 0xff)) }),
  one("size that is no number", { name: "a", change: textAt(sizeAt, "0x1000\0") }),
  one("size with digits that are not octal", { name: "a", change: textAt(sizeAt, "99999999999\0") }),
  one("negative size in octal", { name: "a", change: textAt(sizeAt, "-0000000001\0") }),
  one("negative owner in base 256", {
    name: "a",
    change: bytesAt(108, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  }),
  one("owner of 2^40", { name: "a", uid: 2 ** 40 }),
  one("a wrong checksum", badChecksum()),
  one("a checksum that is no number", badChecksum("zzzzzz")),
  one("header of random bytes", noise()),
  pax("NUL in a PAX path", paxRecords({ path: "a\0/../../b" })),
  pax("NUL in a PAX link", Buffer.concat([paxRecords({ linkpath: "a\0b" })])),
  paxOf("negative PAX size", { size: "-1" }),
  paxOf("PAX size beyond 2^64", { size: "99999999999999999999" }),
  paxOf("PAX size with an exponent", { size: "1e3" }),
  paxOf("PAX size in hexadecimal", { size: "0x10" }),
  paxOf("negative PAX owner", { uid: "-1" }),
  paxOf("PAX owner beyond 2^32", { uid: "4294967296" }),
  paxOf("PAX time that is no number", { mtime: "now" }),
  paxOf("xattr without a name", { "SCHILY.xattr.": "x" }),
  paxOf("xattr with a name of 1,000 bytes", { [`SCHILY.xattr.user.${"x".repeat(1000)}`]: "x" }),
  paxOf("xattr of 200 KiB", { "SCHILY.xattr.user.x": "x".repeat(200 * 1024) }),
  pax("PAX record of length 0", "0 a=b\n"),
  pax("PAX record of a negative length", "-5 a=b\n"),
  pax("PAX record longer than the header", "99999 a=b\n"),
  pax("PAX record of a length beyond 2^64", "99999999999999999999 a=b\n"),
  pax("PAX record without a line feed", "7 a=bcd"),
  pax("PAX record without an equals sign", "6 abc\n"),
  pax("PAX record without a length", "a=b\n"),
  pax("xattr whose length is -1", "-1 SCHILY.xattr.user.a=b\n"),
  pax("xattr whose length is 2^32", "4294967296 SCHILY.xattr.user.a=b\n"),
  pax("no PAX records, only noise", "\xff\x00\xfe".repeat(300)),
  one("PAX header of 2^40 bytes", announced(typeFlags.pax, 2 ** 40)),
  one("global PAX header of 2^40 bytes", announced(typeFlags.globalPax, 2 ** 40)),
  one("GNU long name of 2^40 bytes", announced(typeFlags.gnuLongName, 2 ** 40)),
  one("GNU long link of 2^40 bytes", announced(typeFlags.gnuLongLink, 2 ** 40)),
  one("GNU long name of 2 MiB", paxHeader(Buffer.alloc(2 << 20, "a/"), typeFlags.gnuLongName)),
  paxOf("PAX path of 2 MiB", { path: "a/".repeat(1 << 20) }),
  one("name of 5,000 bytes", { name: "a/".repeat(2500) }),
  one("part of a name of 300 bytes", { name: "a".repeat(300) }),
  one("hard link to a name of 5,000 bytes", { name: "l", type: "link", linkname: "a/".repeat(2500) }),
  one("hard link to nothing", { name: "l", type: "link", linkname: "not-there" }),
  one("hard link to nothing named", { name: "l", type: "link", linkname: "" }),
  one("hard link to a directory", { name: "d", type: "directory" }, { name: "l", type: "link", linkname: "d" }),
  one("symbolic link to nothing named", { name: "l", type: "symlink", linkname: "" }),
  one("file below a file", { name: "f", content: "x" }, { name: "f/g", content: "x" }),
  one("an entry of an unknown kind", { name: "a", type: "Z", content: "x" }),
  { name: "file that ends early", parts: [{ name: "f", content: "x", size: 1 << 30 }] },
];

/** Sparse files that announce what nobody could hold (CVE-2025-58183); each must be refused. */
export const badSparseFiles: readonly HostileArchive[] = [
  one("2^31 regions in format 1.0", sparse10("2147483648\n")),
  one("regions without an end in format 1.0", sparse10("3\n0\n1\n5\n1\n", 512)),
  one("regions that are no numbers", sparse10("1\n0x0\n1\n")),
  one("a negative region", sparse10("1\n-5\n5\n")),
  one("regions that overlap", sparse10("2\n0\n10\n5\n10\n")),
  one("regions backwards", sparse10("2\n100\n10\n0\n10\n")),
  one("a region beyond the end", sparse10("1\n1000000000000\n10\n")),
  one("regions larger than their data", sparse10("1\n0\n1000000\n")),
  one("a map of 2 MiB", sparse01("500000", "1,1,".repeat(1 << 19).slice(0, -1))),
  one("a map that ends with a comma", sparse01("1", "0,1,")),
  one("a size of 2^62", sparse10("1\n0\n1\n", 512, `${2n ** 62n}`)),
  one("a negative size", sparse10("1\n0\n1\n", 512, "-1")),
  one("old GNU map that never ends", ...oldSparse(4_000)),
  one("old GNU map of noise", oldSparseNoise()),
];

/** What looks odd, and is harmless: an empty PAX record takes back an earlier one; the map says itself how many regions it has. */
export const oddHeaders: readonly HostileArchive[] = [
  paxOf("empty PAX path", { path: "" }),
  paxOf("empty PAX owner", { uid: "" }),
  one("2^31 regions in format 0.1", sparse01("2147483648", "0,1,5,1")),
  one("a global PAX header", paxHeader(paxRecords({ comment: "x" }), typeFlags.globalPax)),
];

/** Blobs that are no layer (CVE-2021-20291). */
export function noArchives(): readonly (readonly [string, Buffer])[] {
  const noise = Buffer.alloc(10_000);
  for (let at = 0; at < noise.length; at++) noise[at] = (at * 7919) & 0xff;
  return [
    ["garbage", noise],
    ["nothing at all", Buffer.alloc(0)],
    ["one byte", Buffer.from("\x1f")],
    ["a page of HTML", Buffer.from("<!DOCTYPE html><html></html>")],
  ];
}

function badChecksum(text = "000000"): Buffer {
  const header = tarHeader({ name: Buffer.from("a"), typeFlag: "0", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 });
  header.write(text, 148, "latin1");
  return header;
}

function noise(): Buffer {
  const header = Buffer.alloc(512);
  for (let at = 0; at < header.length; at++) header[at] = (at * 31 + 7) & 0xff;
  return sealed(header);
}

/** A header that says that so much follows. */
function announced(typeFlag: string, size: number): Buffer {
  return tarHeader({ name: Buffer.from("a"), typeFlag, mode: 0o644, uid: 0, gid: 0, size, mtime: 0 });
}

function sparse10(map: string, length = 1024, realSize = "2000"): TarPart {
  const content = Buffer.alloc(length);
  content.write(map, "latin1");
  return {
    name: "GNUSparseFile.0/sparse",
    content,
    pax: {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "sparse",
      "GNU.sparse.realsize": realSize,
    },
  };
}

function sparse01(count: string, map: string): TarPart {
  return {
    name: "GNUSparseFile.0/sparse",
    content: "xx",
    pax: {
      "GNU.sparse.size": "2000",
      "GNU.sparse.numblocks": count,
      "GNU.sparse.map": map,
      "GNU.sparse.name": "sparse",
    },
  };
}

/** A header of the old GNU form with so many extension blocks, each of which says that another follows. */
function oldSparse(blocks: number): readonly TarPart[] {
  const extension = Buffer.alloc(512);
  for (let at = 0; at < 504; at += 24) extension.write("00000000000\x0000000000000\0", at, "latin1");
  extension[504] = 1;
  const header = announced(typeFlags.gnuSparse, 0);
  header.write("ustar  \0", 257, "latin1");
  header[482] = 1;
  header.write("00000002000\0", 483, "latin1");
  return [sealed(header), ...Array.from({ length: blocks }, () => extension)];
}

function oldSparseNoise(): Buffer {
  const header = announced(typeFlags.gnuSparse, 0);
  header.write("ustar  \0", 257, "latin1");
  header.fill("z", 386, 482);
  return sealed(header);
}
