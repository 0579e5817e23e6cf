import { deepEqual, match } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { lockFile } from "@crib/linux";

import { findLeaks } from "../find-leaks.ts";
import { makeLeakScene } from "../testing/leak-scene.ts";
import type { Finding } from "../types.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ counter, rowId }) => `${counter} ${rowId}`).toSorted();

test("containers at rest are no findings, nor is what they hold", { skip }, async () => {
  await using scene = await makeLeakScene();
  const runs = await scene.addContainer("running");
  await scene.addContainer("created");
  await scene.addContainer("exited");
  await mkdir(join(scene.runtimeRoot, "k8s.io", runs), { recursive: true });
  deepEqual((await findLeaks(scene.config)).findings, []);
});

test("what a container has left of its run, and what is no container's, is found", { skip }, async () => {
  await using scene = await makeLeakScene();
  const ended = await scene.addContainer("exited");
  const unknown = scene.newId();
  await mkdir(join(scene.runtimeRoot, "k8s.io", ended), { recursive: true });
  await mkdir(join(scene.config.state, "tasks", unknown));
  await mkdir(join(scene.config.root, "containers", unknown));
  const { findings } = await findLeaks(scene.config);
  deepEqual(brief(findings), [`bundles ${unknown}`, `rows ${unknown}`, `runc-state ${ended}`].toSorted());
  match(findings.find(({ rowId }) => rowId === ended)?.why ?? "", /has ended/);
});

test("a container that a dead daemon left half-way is found, one of a running daemon is not", { skip }, async () => {
  await using scene = await makeLeakScene();
  const halfWay = [
    await scene.addContainer("starting"),
    await scene.addContainer("ending"),
    await scene.addContainer("running", { facts: { stopBy: new Date().toISOString() } }),
  ];
  deepEqual(brief((await findLeaks(scene.config)).findings), halfWay.map((id) => `rows ${id}`).toSorted());
  using _ = lockFile(join(scene.config.root, "lock"));
  deepEqual((await findLeaks(scene.config)).findings, []);
});
