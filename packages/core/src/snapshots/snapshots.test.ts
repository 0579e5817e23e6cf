import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { existsSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import { transaction } from "../metadata/index.ts";
import { SnapshotScene } from "./testing/snapshot-scene.ts";
import type { Snapshots } from "./types.ts";

const { signal } = new AbortController();
const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root to mount" };

/** A chain of layers that each have a file of their own and one that all have. */
async function chainOf(scene: SnapshotScene, snapshots: Snapshots, count: number): Promise<Digest> {
  let top: Digest | undefined;
  for (let index = 0; index < count; index++) {
    top = await scene.layer(snapshots, `layer ${index}`, top, (target) => {
      writeFileSync(join(target, `only-${index}`), String(index));
      writeFileSync(join(target, "all"), String(index));
    });
  }
  if (top === undefined) throw new Error("no layer");
  return top;
}

test("a container sees the layers of its image and changes none of them", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await chainOf(scene, snapshots, 2);
  snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  await snapshots.materialize("one", signal);
  const target = await scene.mount(snapshots, "one");
  equal(readFileSync(join(target, "all"), "utf8"), "1");
  equal(readFileSync(join(target, "only-0"), "utf8"), "0");
  equal((statSync(target).mode & 0o7777).toString(8), "755");
  writeFileSync(join(target, "all"), "changed");
  rmSync(join(target, "only-0"));
  for (const directory of snapshots.chain(parent)) ok(readFileSync(join(directory, "all"), "utf8") !== "changed");
  snapshots.prepare({ key: "two", kind: "view", parent, owner: "pod" });
  await snapshots.materialize("two", signal);
  const view = await scene.mount(snapshots, "two");
  equal(readFileSync(join(view, "all"), "utf8"), "1");
  throws(() => writeFileSync(join(view, "new"), ""), { code: "EROFS" });
  await snapshots.unmount(target, signal);
  await snapshots.unmount(target, signal);
});

for (const count of [1, 120, 300]) {
  test(`an image of ${count} layers mounts`, needsRoot, async (t) => {
    const scene = new SnapshotScene(t);
    const snapshots = await scene.open();
    const parent = await chainOf(scene, snapshots, count);
    snapshots.prepare({ key: "view", kind: "view", parent, owner: "pod" });
    await snapshots.materialize("view", signal);
    const view = await scene.mount(snapshots, "view");
    equal(readFileSync(join(view, "all"), "utf8"), String(count - 1));
    equal(readdirSync(view).length, count + 1);
    throws(() => writeFileSync(join(view, "all"), ""), { code: "EROFS" });
  });
}

test("with id mappings, files belong to the ids of the user namespace", needsRoot, async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await scene.layer(snapshots, "owned", await chainOf(scene, snapshots, 1), (target) => {
    writeFileSync(join(target, "mine"), "");
    chownSync(join(target, "mine"), 1_000, 1_000);
  });
  const range = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
  const idMappings = { uids: range, gids: range };
  snapshots.prepare({ key: "mapped", kind: "active", parent, owner: "pod", idMappings });
  await snapshots.materialize("mapped", signal);
  const target = await scene.mount(snapshots, "mapped");
  equal(statSync(join(target, "mine")).uid, 201_000);
  equal(statSync(join(target, "all")).gid, 200_000);
  equal(statSync(target).uid, 200_000);
  const twice = { uids: range, gids: [] };
  throws(() => snapshots.prepare({ key: "bad", kind: "active", parent, owner: "pod", idMappings: twice }), {
    code: Code.InvalidArgument,
  });
});

test("what something stands on is kept, and rows outlive the daemon", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const parent = await chainOf(scene, snapshots, 2);
  const [bottom] = snapshots.list();
  const prepared = snapshots.prepare({ key: "one", kind: "view", parent, owner: "pod" });
  deepEqual(snapshots.prepare({ key: "one", kind: "view", parent, owner: "pod" }), prepared);
  throws(() => snapshots.prepare({ key: "one", kind: "view", parent, owner: "other" }), { code: Code.AlreadyExists });
  await rejects(snapshots.remove(parent, signal), { code: Code.FailedPrecondition, message: /"one" stands on it/ });
  await rejects(snapshots.remove(bottom?.key ?? "", signal), { code: Code.FailedPrecondition });
  snapshots = await scene.open();
  deepEqual(snapshots.find("one"), prepared);
  for (const key of ["one", "one", parent, bottom?.key ?? ""]) await snapshots.remove(key, signal);
  equal(snapshots.list().length, 0);
  equal(readdirSync(join(scene.dir, "snapshots")).length, 0);
});

test("a transaction that fails leaves no snapshot", async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const parent = await chainOf(scene, snapshots, 1);
  throws(
    () =>
      transaction(scene.database, () => {
        snapshots.prepare({ key: "one", kind: "view", parent, owner: "pod" });
        throw new Error("no");
      }),
    /no/,
  );
  equal(snapshots.find("one"), undefined);
  await snapshots.remove(parent, signal);
});

test("directories without a row are swept, but not those that are being filled", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const filled = await snapshots.createLayerDirectory();
  const given = await snapshots.createLayerDirectory();
  await snapshots.discardLayerDirectory(given);
  mkdirSync(join(scene.dir, "snapshots", "77"));
  mkdirSync(join(scene.dir, "snapshots", "not-a-number"));
  equal(await snapshots.sweep(signal), 1);
  ok(existsSync(filled.target));
  // What an unpack leaves whose daemon was killed; its number is not given out again before it is gone.
  snapshots = await scene.open();
  ok((await snapshots.createLayerDirectory()).dir !== filled.dir);
  equal(await snapshots.sweep(signal), 1);
  ok(!existsSync(filled.target));
});

test("a damaged row comes back from its copy, and all do when the database is lost", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const parent = await chainOf(scene, snapshots, 2);
  scene.database.sqlite.exec(`UPDATE snapshots SET record = replace(record, '"layer"', '"lay3r"')`);
  snapshots = await scene.open();
  equal(snapshots.chain(parent).length, 2);
  equal(scene.warnings.length, 2);
  await scene.close();
  for (const name of ["metadata.db", "metadata.db-wal", "metadata.db-shm"]) {
    writeFileSync(join(scene.dir, name), "no database");
  }
  snapshots = await scene.open();
  ok(scene.database.setAside);
  equal(snapshots.chain(parent).length, 2);
  equal(await snapshots.sweep(signal), 0);
});
