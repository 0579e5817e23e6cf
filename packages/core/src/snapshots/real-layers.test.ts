import { deepEqual, equal, ok } from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Digest, digestOf } from "@crib/oci-spec";

import { createLayerUnpacker } from "../layers/index.ts";
import { makeTar, tarEntry } from "../layers/testing/make-tar.ts";
import { defaultLimits, needsRoot, sha256 } from "../layers/testing/unpack-archive.ts";
import { SnapshotScene } from "./testing/snapshot-scene.ts";
import type { Snapshots } from "./types.ts";

const { signal } = new AbortController();
const directory = (path: string): Buffer => tarEntry({ path, flag: "5", mode: 0o755 });

/** Snapshots over the threads that unpack, and what pulls a layer into them. */
async function openReal(t: TestContext): Promise<{
  readonly scene: SnapshotScene;
  readonly snapshots: Snapshots;
  readonly pull: (parent: Digest | undefined, ...entries: readonly Buffer[]) => Promise<Digest>;
}> {
  const scene = new SnapshotScene(t);
  const unpacker = createLayerUnpacker({ idleMs: 5_000 });
  t.after(() => unpacker[Symbol.asyncDispose]());
  const snapshots = await scene.open({ unpacker });
  const pull = async (parent: Digest | undefined, ...entries: readonly Buffer[]): Promise<Digest> => {
    const archive = makeTar(...entries);
    const layerDirectory = await snapshots.createLayerDirectory();
    const blobPath = join(scene.dir, `blob-${layerDirectory.dir}`);
    writeFileSync(blobPath, archive);
    const id = sha256(archive);
    const job = { blobPath, size: archive.length, digest: id, diffId: id, target: layerDirectory.target };
    const run = unpacker.unpack({ ...job, limits: defaultLimits }, signal);
    run.available(archive.length);
    const layer = await run.done;
    const below = parent === undefined ? [] : snapshots.chain(parent);
    await unpacker.settle(layerDirectory.target, layer, below, signal);
    const chainId = parent === undefined ? id : digestOf(`${parent} ${id}`);
    snapshots.commitLayer(layerDirectory, chainId, parent, layer.usage);
    await snapshots.materialize(chainId, signal);
    return chainId;
  };
  return { scene, snapshots, pull };
}

test("layers of archives are stacked: what is above hides, replaces and removes", needsRoot, async (t) => {
  const { scene, snapshots, pull } = await openReal(t);
  let top = await pull(
    undefined,
    ...["a/", "opaque/", "opaque/deep/", "kept/"].map(directory),
    ...["a/removed", "a/replaced", "a/kept", "opaque/old", "opaque/deep/old", "kept/file"].map((path) =>
      tarEntry({ path, mode: 0o4711, uid: 5 }, "bottom"),
    ),
  );
  for (let index = 0; index < 118; index++) top = await pull(top, tarEntry({ path: `layer-${index}` }, String(index)));
  top = await pull(
    top,
    directory("a/"),
    tarEntry({ path: "a/.wh.removed" }),
    tarEntry({ path: "a/replaced" }, "top"),
    directory("opaque/"),
    tarEntry({ path: "opaque/.wh..wh..opq" }),
    tarEntry({ path: "opaque/new" }, "top"),
    tarEntry({ path: ".wh.layer-7" }),
  );
  equal(snapshots.chain(top).length, 120);
  for (const kind of ["view", "active"] as const) {
    snapshots.prepare({ key: kind, kind, parent: top, owner: "pod" });
    await snapshots.materialize(kind, signal);
    const root = await scene.mount(snapshots, kind);
    deepEqual(readdirSync(join(root, "a")).toSorted(), ["kept", "replaced"]);
    deepEqual(readdirSync(join(root, "opaque")), ["new"]);
    equal(readFileSync(join(root, "a/replaced"), "utf8"), "top");
    equal(readFileSync(join(root, "kept/file"), "utf8"), "bottom");
    const { mode, uid } = lstatSync(join(root, "a/kept"));
    deepEqual([(mode & 0o7777).toString(8), uid], ["4711", 5]);
    equal(readdirSync(root).length, 3 + 118 - 1);
    ok(!existsSync(join(root, "layer-7")));
  }
});

test("what a container leaves is measured and removed, whatever it is, and nothing else is", needsRoot, async (t) => {
  const { scene, snapshots, pull } = await openReal(t);
  const canary = mkdtempSync(join(tmpdir(), "crib-canary-"));
  t.after(() => rmSync(canary, { recursive: true }));
  writeFileSync(join(canary, "file"), "");
  const parent = await pull(undefined, directory("etc/"), tarEntry({ path: "etc/passwd" }, "root"));
  snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  const before = await snapshots.usage("one", signal);
  const root = await scene.mount(snapshots, "one");
  renameSync(join(root, "etc/passwd"), join(root, "etc/shadow"));
  writeFileSync(join(root, "big"), Buffer.alloc(1 << 20, 1));
  linkSync(join(root, "big"), join(root, "big-too"));
  symlinkSync(canary, join(root, "link"));
  let deep = root;
  for (let depth = 0; depth < 60; depth++) mkdirSync((deep = join(deep, "d".repeat(60))));
  mkdirSync(join(root, "closed"));
  writeFileSync(join(root, "closed/x"), "");
  chmodSync(join(root, "closed"), 0);
  const after = await snapshots.usage("one", signal);
  ok(after.bytes - before.bytes >= 1 << 20 && after.bytes - before.bytes < 3 << 20, `${after.bytes - before.bytes}`);
  // etc with a whiteout and a file, big once, the link, the deep ones, closed and what is in it.
  equal(after.inodes - before.inodes, 3 + 1 + 1 + 60 + 2);
  await snapshots.unmount(root, signal);
  await snapshots.remove("one", signal);
  await snapshots.remove(parent, signal);
  deepEqual(readdirSync(join(scene.dir, "snapshots")), []);
  deepEqual(readdirSync(canary), ["file"]);
});
