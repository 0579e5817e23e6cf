import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { needsRoot } from "../needs-root.ts";
import { placeCanary } from "./canary.ts";
import { sha256 } from "./layer.ts";
import { listTree } from "./list-tree.ts";
import { tarArchive } from "./tar-archive.ts";

test("a tree is listed with all that a layer can say", needsRoot, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-tree-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
  const input = tarArchive([
    { name: ".", type: "directory", mode: 0o755 },
    {
      name: "bin/ping",
      mode: 0o755,
      uid: 3_000_000,
      content: "x".repeat(1000),
      xattrs: { "security.capability": capability },
    },
    { name: Buffer.from("bin/\xff \n", "latin1"), mtime: 1.5 },
    { name: "bin/hard", type: "link", linkname: "bin/ping" },
    { name: "l", type: "symlink", linkname: "y".repeat(150) },
    { name: "n", type: "character", major: 1, minor: 3 },
  ]);
  execFileSync("tar", ["-C", dir, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", "-"], { input });
  const lines = await listTree(dir);
  const hash = (text: string): string => sha256(Buffer.from(text)).slice(7);
  match(lines.find((line) => line.startsWith("./bin/ ")) ?? "", /^\.\/bin\/ 5 755 0\/0 \d+\.\d+$/);
  deepEqual(
    lines.filter((line) => !line.startsWith("./bin/ ")),
    [
      "./ 5 755 0/0 1700000000",
      `./bin/\\xff\\x20\\x0a 0 644 0/0 1.5 ${hash("")}`,
      `./bin/hard 0 755 3000000/0 1700000000 security.capability=${capability.toString("hex")} ${hash("x".repeat(1000))}`,
      "./bin/ping 1 755 3000000/0 1700000000 -> ./bin/hard",
      `./l 2 777 0/0 1700000000 -> ${"y".repeat(150)}`,
      "./n 3 644 0/0 1,3 1700000000",
    ].sort(),
  );
});

test("a canary notices what is done to it", needsRoot, (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-canary-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const canary = placeCanary(join(dir, "canary"));
  deepEqual(canary.changes(), []);
  chmodSync(canary.file, 0o666);
  equal(canary.changes().length, 2);
  writeFileSync(join(canary.subdir, "new"), "");
  equal(canary.changes().length, 5);
});
