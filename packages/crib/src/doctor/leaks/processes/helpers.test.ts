import { deepEqual, equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { markerEnv } from "@crib/core/sandbox";
import { lockFile } from "@crib/linux";

import { findLeaks } from "../find-leaks.ts";
import { type LeakScene, makeLeakScene } from "../testing/leak-scene.ts";
import { sleeper } from "../testing/plants.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

async function countOf({ config }: LeakScene, counter: string): Promise<number | null | undefined> {
  const report = await findLeaks(config);
  deepEqual(report.problems, []);
  return report.counts[counter];
}

test("a helper of a flow that was left half-way is not counted: the next start ends it", { skip }, async () => {
  await using scene = await makeLeakScene();
  for (const state of ["creating", "stopping", "removing"] as const) {
    await using _ = await sleeper("/usr/lib/cni/bridge", markerEnv(scene.instance, await scene.addRow(state)));
    equal(await countOf(scene, "helpers"), 0, state);
  }
});

test("a helper of a pod whose flow has ended is counted, unless the daemon waits for it", { skip }, async () => {
  await using scene = await makeLeakScene();
  await using _ = await sleeper("/usr/lib/cni/bridge", markerEnv(scene.instance, await scene.addRow("ready")));
  equal(await countOf(scene, "helpers"), 1);
  // With the lock this process is the daemon, and the sleeper its child.
  using _lock = lockFile(`${scene.config.root}/lock`);
  equal(await countOf(scene, "helpers"), 0);
});

test("what the shim of a pod runs is the shim's affair", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = await scene.addRow("ready");
  // A shell with the shim's name and a child that inherits the marker.
  await using shim = await sleeper("/usr/bin/containerd-shim-runc-v2", markerEnv(scene.instance, id), [
    "sh",
    "-c",
    "sleep 120 & wait",
    "shim",
    "-id",
    id,
  ]);
  // ps(1) fails as long as there is none.
  while (spawnSync("ps", ["--ppid", String(shim.pid), "-o", "pid="]).status !== 0);
  equal(await countOf(scene, "helpers"), 0);
  equal(await countOf(scene, "shims"), 0);
});
