import { deepEqual } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { removeOrphans } from "./remove-orphans.ts";
import { SnapshotScene } from "./testing/snapshot-scene.ts";

const { signal } = new AbortController();

test("what an unknown owner had goes, layers and what others have stay", async (t) => {
  const scene = new SnapshotScene(t);
  let snapshots = await scene.open();
  const parent = await scene.chain(snapshots, 2);
  for (const [key, owner] of [
    ["one", "known"],
    ["two", "gone"],
    ["three", "gone"],
  ] as const) {
    snapshots.prepare({ key, kind: "active", parent, owner });
    await snapshots.materialize(key, signal);
  }
  // As after a loss of power: the row is gone, and the copy is not.
  scene.database.sqlite.exec("DELETE FROM snapshots WHERE id = 'two'");
  snapshots = await scene.open();
  deepEqual(await removeOrphans(snapshots, (owner) => owner === "known", signal), ["gone"]);
  deepEqual(
    snapshots.list().flatMap(({ kind, key }) => (kind === "layer" ? [] : [key])),
    ["one"],
  );
  deepEqual(readdirSync(join(scene.dir, "snapshots")).length, 3);
  deepEqual(await removeOrphans(snapshots, () => true, signal), []);
});
