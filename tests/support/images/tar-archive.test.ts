import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

import { platformIndex, testImage } from "./image.ts";
import { sha256, testLayer } from "./layer.ts";
import { paxRecords, tarArchive, type TarPart } from "./tar-archive.ts";

function listed(parts: readonly TarPart[]): readonly string[] {
  const input = tarArchive(parts);
  const text = execFileSync("tar", ["--utc", "--numeric-owner", "--quoting-style=literal", "-tvf", "-"], { input });
  return text
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " "));
}

test("GNU tar reads what the writer wrote", () => {
  const long = `${"d/".repeat(70)}file`;
  deepEqual(
    listed([
      { name: "bin", type: "directory", mode: 0o1777 },
      { name: "bin/su", mode: 0o4755, uid: 3_000_000, gid: 7, content: "x".repeat(513) },
      { name: "bin/ln", type: "symlink", linkname: "su" },
      { name: "bin/hard", type: "link", linkname: "bin/su" },
      { name: "null", type: "character", major: 1, minor: 3, mode: 0o666 },
      { name: "pipe", type: "fifo" },
      { name: long },
      { name: long, longNames: "gnu" },
      { name: "early", mtime: -1.5 },
    ]),
    [
      "drwxrwxrwt 0/0 0 2023-11-14 22:13 bin",
      "-rwsr-xr-x 3000000/7 513 2023-11-14 22:13 bin/su",
      "lrwxrwxrwx 0/0 0 2023-11-14 22:13 bin/ln -> su",
      "hrw-r--r-- 0/0 0 2023-11-14 22:13 bin/hard link to bin/su",
      "crw-rw-rw- 0/0 1,3 2023-11-14 22:13 null",
      "prw-r--r-- 0/0 0 2023-11-14 22:13 pipe",
      `-rw-r--r-- 0/0 0 2023-11-14 22:13 ${long}`,
      `-rw-r--r-- 0/0 0 2023-11-14 22:13 ${long}`,
      "-rw-r--r-- 0/0 0 1969-12-31 23:59 early",
    ],
  );
});

test("a PAX record counts the digits of its own length", () => {
  equal(paxRecords({ a: "b" }).toString(), "6 a=b\n");
  equal(paxRecords({ path: "x".repeat(90) }).toString(), `99 path=${"x".repeat(90)}\n`);
  equal(paxRecords({ path: "x".repeat(91) }).toString(), `101 path=${"x".repeat(91)}\n`);
});

test("the same entries make the same image, and its parts hash to what it says", () => {
  const entries: readonly TarPart[] = [{ name: "hello", content: "world" }];
  const layers = (["gzip", "zstd", "none"] as const).map((compression) => testLayer(entries, compression));
  const [gzip, zstd, none] = layers;
  ok(gzip && zstd && none);
  equal(gzip.diffId, sha256(gunzipSync(gzip.blob)));
  equal(zstd.diffId, sha256(zstdDecompressSync(zstd.blob)));
  equal(none.diffId, none.digest);
  const image = testImage(layers);
  equal(testImage(layers).top.digest, image.top.digest);
  for (const [digest, blob] of image.blobs) equal(sha256(blob), digest);
  const index = platformIndex(layers, { format: "docker" });
  equal(index.manifests.length, 2);
  equal(index.blobs.size, 5);
});
