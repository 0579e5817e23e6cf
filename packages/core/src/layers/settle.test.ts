import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { describeTree } from "./testing/describe-tree.ts";
import { makeTar, paxHeader, tarEntry } from "./testing/make-tar.ts";
import { LayerBench, needsRoot } from "./testing/unpack-archive.ts";
import type { UnpackedLayer } from "./types.ts";

const bench = new LayerBench();

/** Unpacks layers, the lowest first, in an order that does not matter, and completes them from below. */
async function stack(...archives: readonly Buffer[]): Promise<readonly string[]> {
  const unpacked = await Promise.all(archives.map(async (archive) => await bench.unpack(archive)));
  const below: string[] = [];
  for (const { target, layer } of unpacked) {
    await settle(target, layer, below);
    below.unshift(target);
  }
  return below;
}

async function settle(target: string, layer: UnpackedLayer, below: readonly string[]): Promise<void> {
  await bench.unpacker.settle(target, layer, below, AbortSignal.timeout(60_000));
}

/** What overlayfs shows of layers, the nearest first. */
function mounted<T>(layers: readonly string[], look: (path: string) => T): T {
  const target = bench.makeDirectory();
  const options = `lowerdir=${[...layers, bench.makeDirectory()].join(":")}`;
  execFileSync("mount", ["-t", "overlay", "-o", options, "crib-test", target]);
  try {
    return look(target);
  } finally {
    execFileSync("umount", [target]);
  }
}

test("implied directories look like those below, the root as well", needsRoot, async () => {
  const base = makeTar(
    tarEntry({ path: "./", flag: "5", mode: 0o555, mtime: 1000 }),
    paxHeader([["SCHILY.xattr.user.kept", "k"]]),
    tarEntry({ path: "a/", flag: "5", mode: 0o2750, uid: 7, gid: 8, mtime: 2000 }),
    tarEntry({ path: "a/b/", flag: "5", mode: 0o1777, mtime: 3000 }),
    tarEntry({ path: "gone/", flag: "5", mode: 0o700 }),
    tarEntry({ path: "file" }),
  );
  const middle = makeTar(tarEntry({ path: "a/", flag: "5", mode: 0o711, mtime: 4000 }), tarEntry({ path: ".wh.gone" }));
  const top = makeTar(
    tarEntry({ path: "a/b/new" }, "x"),
    tarEntry({ path: "gone/new" }, "x"),
    tarEntry({ path: "file/new" }, "x"),
    tarEntry({ path: "only/new" }, "x"),
  );
  const layers = await stack(base, middle, top);
  const lines = describeTree(layers[0] ?? "").map((line) => line.split(" ").slice(0, 5).join(" "));
  const find = (path: string): string | undefined => lines.find((line) => line.startsWith(`"${path}" `));
  equal(find("./"), '"./" directory 555 0:0 1000.000000000');
  equal(find("./a/"), '"./a/" directory 711 0:0 4000.000000000');
  equal(find("./a/b/"), '"./a/b/" directory 1777 0:0 3000.000000000');
  for (const path of ["./gone/", "./file/", "./only/"])
    ok(find(path)?.startsWith(`"${path}" directory 755 0:0 `), path);
  mounted(layers, (path) => {
    const shown = describeTree(path).map((line) => line.split(" ")[0]);
    deepEqual(
      shown,
      [
        "./",
        "./a/",
        "./a/b/",
        "./a/b/new",
        "./file/",
        "./file/new",
        "./gone/",
        "./gone/new",
        "./only/",
        "./only/new",
      ].map((name) => `"${name}"`),
    );
  });
});

test("attributes come along with a directory from below, but none of overlayfs", needsRoot, async () => {
  const base = makeTar(
    paxHeader([["SCHILY.xattr.user.kept", "k"]]),
    tarEntry({ path: "d/", flag: "5", mode: 0o750 }),
    tarEntry({ path: "d/.wh..wh..opq" }),
  );
  const [top = ""] = await stack(base, makeTar(tarEntry({ path: "d/f" })));
  const line = describeTree(top).find((found) => found.startsWith('"./d/"'));
  ok(line?.includes("user.kept=6b") === true && !line.includes("overlay"), line);
});

test("hard links to layers below become the same file, of any type", needsRoot, async () => {
  const base = makeTar(
    paxHeader([["SCHILY.xattr.user.kept", "k"]]),
    tarEntry({ path: "bin/tool", mode: 0o4755, uid: 5, mtime: 1234 }, "tool".repeat(100_000)),
    tarEntry({ path: "link", flag: "2", linkPath: "bin/tool" }),
    tarEntry({ path: "null", flag: "3", deviceMajor: 1, deviceMinor: 3, mode: 0o666 }),
    tarEntry({ path: "fifo", flag: "6" }),
    tarEntry({ path: "old" }, "from the base"),
  );
  const middle = makeTar(tarEntry({ path: ".wh.old" }), tarEntry({ path: "unrelated" }));
  const top = makeTar(
    tarEntry({ path: "d/", flag: "5", mtime: 99 }),
    tarEntry({ path: "d/one", flag: "1", linkPath: "bin/tool" }),
    tarEntry({ path: "d/two", flag: "1", linkPath: "/bin/tool" }),
    tarEntry({ path: "d/chain", flag: "1", linkPath: "d/one" }),
    tarEntry({ path: "d/link", flag: "1", linkPath: "link" }),
    tarEntry({ path: "d/null", flag: "1", linkPath: "null" }),
    tarEntry({ path: "d/fifo", flag: "1", linkPath: "fifo" }),
  );
  const [target = ""] = await stack(base, middle, top);
  const lines = describeTree(target).filter((line) => line.startsWith('"./d/'));
  const described = (path: string): string | undefined => lines.find((line) => line.startsWith(`"./d/${path}"`));
  equal(described("")?.split(" ").slice(1, 5).join(" "), "directory 644 0:0 99.000000000");
  ok(described("chain")?.includes(" file 4755 5:0 1234.000000000 400000 user.kept=6b"), lines.join("\n"));
  ok(described("one")?.includes(' -> "./d/chain"'));
  ok(described("two")?.includes(' -> "./d/chain"'));
  ok(described("link")?.includes(' -> "bin/tool"'));
  ok(described("null")?.includes(" character 666 ") === true && described("null")?.includes("dev=1:3") === true);
  ok(described("fifo")?.includes(" fifo "));
  await rejects(stack(base, middle, makeTar(tarEntry({ path: "h", flag: "1", linkPath: "old" }))), {
    code: Code.InvalidArgument,
    message: /"old" is in no layer/,
  });
  await rejects(stack(makeTar(tarEntry({ path: "h", flag: "1", linkPath: "nowhere" }))), {
    code: Code.InvalidArgument,
  });
});

test("a root that hides all below does so name by name", needsRoot, async () => {
  const base = makeTar(
    tarEntry({ path: "a/", flag: "5" }),
    tarEntry({ path: "a/f" }),
    tarEntry({ path: "b" }),
    tarEntry({ path: "c/g" }),
  );
  const top = makeTar(tarEntry({ path: "c/new" }), tarEntry({ path: ".wh..wh..opq" }), tarEntry({ path: "b" }, "new"));
  const layers = await stack(base, top);
  mounted(layers, (path) => {
    const shown = describeTree(path).map((line) => line.split(" ")[0]);
    deepEqual(shown, ['"./"', '"./b"', '"./c/"', '"./c/new"']);
  });
});

test("completing twice changes nothing, and nothing to do is no work", needsRoot, async () => {
  const below = await bench.unpack(
    makeTar(tarEntry({ path: "d/", flag: "5", mode: 0o700 }), tarEntry({ path: "d/f" }, "x")),
  );
  const { target, layer } = await bench.unpack(
    makeTar(tarEntry({ path: "d/new" }), tarEntry({ path: "h", flag: "1", linkPath: "d/f" })),
  );
  await settle(target, layer, [below.target]);
  const first = describeTree(target);
  await settle(target, layer, [below.target]);
  deepEqual(describeTree(target), first);
  await settle("/nonexistent", { ...layer, impliedDirectories: [], linksBelow: [] }, ["/nonexistent/too"]);
  await settle("/nonexistent", { ...layer, linksBelow: [] }, []);
  await rejects(settle(target, layer, [join(below.target, "missing")]), { code: Code.NotFound });
});
