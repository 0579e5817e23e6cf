import { deepEqual, equal, notEqual, ok, rejects, throws } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import { transaction } from "../metadata/index.ts";
import { SnapshotScene } from "./testing/snapshot-scene.ts";
import type { DiskUsage } from "./types.ts";

const { signal } = new AbortController();

test("what something stands on is kept, and rows outlive the daemon", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 2);
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
  const parent = await scene.chain(snapshots, 1);
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

test("a snapshot that is discarded is gone at once, its files soon, or with the next daemon", async (t) => {
  const scene = new SnapshotScene(t);
  const root = join(scene.dir, "snapshots");
  let snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 1);
  const { dir } = snapshots.prepare({ key: "one", kind: "active", parent, owner: "container" });
  await snapshots.materialize("one", signal);
  writeFileSync(join(snapshots.changes("one"), "file"), "text");
  for (const key of ["one", "one", "never"]) await snapshots.discard(key);
  equal(snapshots.find("one"), undefined);
  equal(existsSync(join(root, dir)), false);
  await snapshots.sweep(signal);
  equal(existsSync(join(root, `${dir}.gone`)), false);
  // What a daemon leaves that was killed meanwhile.
  mkdirSync(join(root, "77.gone", "fs"), { recursive: true });
  snapshots = await scene.open();
  // The number is not given out again, or the next one could not be set aside.
  equal(snapshots.prepare({ key: "two", kind: "active", parent, owner: "container" }).dir, "78");
  await snapshots.discard("two");
  equal(await snapshots.sweep(signal), 1);
  equal(existsSync(join(root, "77.gone")), false);
  deepEqual(
    snapshots.list().map(({ key }) => key),
    [parent],
  );
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

test("an unfinished layer's directory can be committed once, by whom it was given to", async (t) => {
  const scene = new SnapshotScene(t);
  const snapshots = await scene.open();
  const usage = { bytes: 8_192, inodes: 3 };
  const [first, second] = [digestOf("first"), digestOf("second")];
  const directory = await snapshots.createLayerDirectory();
  equal((statSync(directory.target).mode & 0o7777).toString(8), "755");
  for (const path of [join(scene.dir, "snapshots"), dirname(directory.target)]) {
    equal((statSync(path).mode & 0o7777).toString(8), "700", path);
  }
  throws(() => snapshots.commitLayer(directory, second, first, usage), { code: Code.NotFound });
  throws(() => {
    transaction(scene.database, () => {
      snapshots.commitLayer(directory, first, undefined, usage);
      throw new Error("taken back");
    });
  }, /taken back/);
  equal(snapshots.find(first), undefined);
  equal(await snapshots.sweep(signal), 0);
  const layer = snapshots.commitLayer(directory, first, undefined, usage);
  deepEqual(layer.usage, usage);
  deepEqual(await snapshots.usage(first, signal), usage);
  throws(() => snapshots.commitLayer(directory, second, first, usage), { code: Code.FailedPrecondition });
  await rejects(snapshots.discardLayerDirectory(directory), { code: Code.FailedPrecondition });
  const twin = await snapshots.createLayerDirectory();
  throws(() => snapshots.commitLayer(twin, first, undefined, usage), { code: Code.AlreadyExists });
  await snapshots.discardLayerDirectory(twin);
  await snapshots.discardLayerDirectory(twin);
  deepEqual(readdirSync(join(scene.dir, "snapshots")), [directory.dir]);
  throws(() => snapshots.prepare({ key: "one", kind: "view", parent: second, owner: "pod" }), { code: Code.NotFound });
  throws(() => snapshots.prepare({ key: "", kind: "view", parent: first, owner: "pod" }), {
    code: Code.InvalidArgument,
  });
  await snapshots.materialize(first, signal);
});

test("a removal that was cut short leaves a directory that is swept", async (t) => {
  const scene = new SnapshotScene(t);
  let isBroken = true;
  const removeTree = async (path: string): Promise<void> => {
    if (isBroken) throw new Error("killed");
    rmSync(path, { recursive: true });
  };
  const unpacker = { removeTree, usage: async (): Promise<DiskUsage> => ({ bytes: 0, inodes: 0 }) };
  let snapshots = await scene.open({ unpacker });
  const parent = await scene.chain(snapshots, 1);
  const { dir } = snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  await snapshots.materialize("one", signal);
  await rejects(snapshots.remove("one", signal), /killed/);
  equal(snapshots.find("one"), undefined);
  isBroken = false;
  await snapshots.remove("one", signal);
  const again = snapshots.prepare({ key: "one", kind: "active", parent, owner: "pod" });
  notEqual(again.dir, dir);
  // The row was written, and the daemon died before it made the directory.
  snapshots = await scene.open({ unpacker });
  equal(await snapshots.sweep(signal), 1);
  ok(!existsSync(join(scene.dir, "snapshots", dir)));
  deepEqual(snapshots.find("one"), again);
  await snapshots.materialize("one", signal);
  await snapshots.remove("one", signal);
  deepEqual(readdirSync(join(scene.dir, "snapshots")), [snapshots.find(parent)?.dir]);
});

test("one removal of a directory runs at a time, and an aborted sweep goes no further", async (t) => {
  const scene = new SnapshotScene(t);
  const turn = Promise.withResolvers<void>();
  let calls = 0;
  const removeTree = async (path: string): Promise<void> => {
    calls++;
    await turn.promise;
    rmSync(path, { recursive: true });
  };
  const unpacker = { removeTree, usage: async (): Promise<DiskUsage> => ({ bytes: 0, inodes: 0 }) };
  const snapshots = await scene.open({ unpacker });
  const key = await scene.chain(snapshots, 1);
  const removal = snapshots.remove(key, signal);
  equal(snapshots.find(key), undefined);
  // The row is gone, so the sweep sees the directory too.
  const sweep = snapshots.sweep(signal);
  await new Promise((resolve) => setTimeout(resolve, 20));
  turn.resolve();
  await Promise.all([removal, sweep]);
  equal(calls, 1);
  mkdirSync(join(scene.dir, "snapshots", "88"));
  await rejects(snapshots.sweep(AbortSignal.abort()), { name: "AbortError" });
  await rejects(snapshots.materialize("any", AbortSignal.abort()), { name: "AbortError" });
});

test("the layer of which somebody removed the directory is pulled again, and its chain is whole again", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const top = await scene.chain(snapshots, 2);
  const bottom = snapshots.list().find(({ parent }) => parent === undefined);
  rmSync(snapshots.chain(top)[1] ?? "", { recursive: true });
  rmSync(join(scene.dir, "snapshots", bottom?.dir ?? ""), { recursive: true });
  snapshots = await scene.open();
  deepEqual(scene.warnings, ["the files of a layer are gone"]);
  equal(snapshots.find(bottom?.key ?? ""), undefined);
  throws(() => snapshots.chain(top), { code: Code.DataLoss });
  equal(await scene.layer(snapshots, "layer 0", undefined), bottom?.key);
  equal(snapshots.chain(top).length, 2);
});

test("a damaged row comes back from its copy, and all do when the database is lost", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 2);
  scene.database.sqlite.exec(`UPDATE snapshots SET record = replace(record, '"layer"', '"lay3r"')`);
  snapshots = await scene.open();
  equal(snapshots.chain(parent).length, 2);
  deepEqual(scene.warnings, Array(2).fill("the row of a snapshot was damaged; its copy takes its place"));
  await scene.close();
  for (const name of ["metadata.db", "metadata.db-wal", "metadata.db-shm"]) {
    writeFileSync(join(scene.dir, name), "no database");
  }
  snapshots = await scene.open();
  ok(scene.database.setAside);
  equal(snapshots.chain(parent).length, 2);
  equal(await snapshots.sweep(signal), 0);

  // A database may have lost rows and look healthy.
  scene.database.sqlite.exec("DELETE FROM snapshots");
  snapshots = await scene.open();
  equal(scene.database.setAside, undefined);
  equal(snapshots.chain(parent).length, 2);
  equal(await snapshots.sweep(signal), 0);

  // Of a damaged row without a good copy nothing is served.
  writeFileSync(join(scene.dir, "snapshots", snapshots.find(parent)?.dir ?? "", "snapshot.json"), "{}");
  scene.database.sqlite.exec(`UPDATE snapshots SET checksum = 'no' WHERE id = '${parent}'`);
  snapshots = await scene.open();
  equal(snapshots.find(parent), undefined);
  equal(await snapshots.sweep(signal), 1);
});
