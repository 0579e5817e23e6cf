import { deepEqual, equal, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code } from "@crib/errdefs";

import { packTree } from "./pack-tree.ts";

const needsRoot = { skip: process.getuid?.() === 0 ? false : "device nodes need root" };

function scratch(t: TestContext): { readonly dir: string; readonly tree: string; readonly target: string } {
  const dir = mkdtempSync(join(tmpdir(), "crib-pack-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const tree = join(dir, "tree");
  mkdirSync(tree);
  return { dir, tree, target: join(dir, "out.tar") };
}

function pack(tree: string, target: string, mappings?: Parameters<typeof packTree>[1]): number {
  const steps = packTree(tree, mappings, target);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function tar(...args: readonly string[]): string {
  return execFileSync("tar", args, { encoding: "utf8" });
}

test("files, links, names that fill a header, modes, times and holes come out as they were", (t) => {
  const { dir, tree, target } = scratch(t);
  const long = "n".repeat(180);
  mkdirSync(join(tree, "d"), { mode: 0o751 });
  writeFileSync(join(tree, "d", long), "long", { mode: 0o640 });
  linkSync(join(tree, "d", long), join(tree, "d", "second"));
  symlinkSync("/etc/passwd", join(tree, "link"));
  writeFileSync(join(tree, "sparse"), "head");
  truncateSync(join(tree, "sparse"), 1 << 30);
  equal(pack(tree, target), statSync(target).size);
  equal(statSync(target).mode & 0o777, 0o600);
  equal(statSync(target).size < 1 << 20, true, "holes are not written out");
  const out = join(dir, "out");
  mkdirSync(out);
  tar("-C", out, "-xpf", target);
  equal(execFileSync("diff", ["-r", "--no-dereference", tree, out], { encoding: "utf8" }), "");
  const [was, is] = [tree, out].map((root) => statSync(join(root, "d", long), { bigint: true }));
  deepEqual([is?.mode, is?.mtimeNs, is?.nlink], [was?.mode, was?.mtimeNs, 2n]);
  equal(statSync(join(out, "sparse")).size, 1 << 30);
});

test("what overlayfs hides is marked, and nobody can forge the marks", needsRoot, (t) => {
  const { tree, target } = scratch(t);
  mkdirSync(join(tree, "opaque"));
  execFileSync("mknod", [join(tree, "gone"), "c", "0", "0"]);
  execFileSync("mknod", [join(tree, "null"), "c", "1", "3"]);
  execFileSync("mkfifo", [join(tree, "fifo")]);
  writeFileSync(join(tree, ".wh.etc"), "a container's own");
  mkdirSync(join(tree, ".wh..wh..plnk"));
  writeFileSync(join(tree, ".wh..wh..plnk", "below"), "x");
  writeFileSync(join(tree, "zz"), "after");
  const script = "import os,sys; os.setxattr(sys.argv[1], b'trusted.overlay.opaque', b'y')";
  execFileSync("python3", ["-c", script, join(tree, "opaque")]);
  pack(tree, target);
  deepEqual(tar("-tf", target).trim().split("\n").toSorted(), [
    "./",
    ".wh.gone",
    "fifo",
    "null",
    "opaque/",
    "opaque/.wh..wh..opq",
    "zz",
  ]);
  equal(tar("-xOf", target, "zz"), "after");
});

test("ids are those that the container sees; sockets are left out", needsRoot, async (t) => {
  const { tree, target } = scratch(t);
  const server = createServer().listen(join(tree, "socket"));
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  writeFileSync(join(tree, "own"), "");
  execFileSync("chown", ["100007:200009", join(tree, "own")]);
  const range = (hostId: number) => [{ containerId: 0, hostId, length: 65_536 }];
  pack(tree, target, { uids: range(100_000), gids: range(200_000) });
  const listed = tar("--numeric-owner", "-tvf", target);
  deepEqual(listed.includes("socket"), false);
  deepEqual(/ 7\/9 .* own$/m.test(listed), true, listed);
});

test("nothing that is there is overwritten, and a failure leaves nothing", (t) => {
  const { dir, tree, target } = scratch(t);
  symlinkSync(join(dir, "elsewhere"), target);
  throws(() => pack(tree, target), { code: Code.AlreadyExists });
  equal(existsSync(join(dir, "elsewhere")), false);
  throws(() => pack(join(dir, "none"), join(dir, "new.tar")), { code: Code.NotFound });
  const steps = packTree(tree, undefined, join(dir, "half.tar"));
  steps.next();
  equal(existsSync(join(dir, "half.tar")), true);
  steps.return(0);
  deepEqual([existsSync(join(dir, "new.tar")), existsSync(join(dir, "half.tar"))], [false, false]);
});
