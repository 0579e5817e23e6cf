import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { lockFile, umountTree } from "@crib/linux";

import { findLeaks } from "../find-leaks.ts";
import { type LeakScene, makeLeakScene } from "../testing/leak-scene.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

const hex = (digit: string): string => digit.repeat(64);
const digest = (digit: string): string => `sha256:${hex(digit)}`;
const now = (): string => new Date().toISOString();

/** An image of two layers, with its files: configuration 1, manifest 2, layers 3 and 4, chain ids 5 and 6. */
const image = {
  id: digest("1"),
  state: "ready",
  manifest: digest("2"),
  targets: [digest("2")],
  layers: [
    { digest: digest("3"), chainId: digest("5") },
    { digest: digest("4"), chainId: digest("6") },
  ],
};

async function addFiles({ config }: LeakScene): Promise<void> {
  for (const digit of ["1", "2", "3", "4"]) {
    const dir = join(config.root, "content", "blobs", "sha256");
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, hex(digit)), digit);
  }
  for (const dir of ["1", "2"]) await mkdir(join(config.root, "snapshots", dir, "fs"), { recursive: true });
}

const layers = [
  { id: digest("5"), state: "layer", dir: "1", createdAt: now() },
  { id: digest("6"), state: "layer", dir: "2", createdAt: now(), parent: digest("5") },
];

async function countsOf({ config }: LeakScene): Promise<Readonly<Record<string, number>>> {
  const { findings, problems } = await findLeaks(config);
  deepEqual(problems, []);
  const counts: Record<string, number> = {};
  for (const { counter } of findings) counts[counter] = (counts[counter] ?? 0) + 1;
  return counts;
}

test("what an image leads to is not counted; without the image all of it is", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  await mkdir(join(scene.config.root, "images", hex("1")), { recursive: true });
  await scene.addImageRows({ images: [image], snapshots: layers });
  deepEqual(await countsOf(scene), {});
  await scene.addImageRows({ images: [{ ...image, id: digest("9"), manifest: digest("9"), targets: [], layers: [] }] });
  deepEqual(await countsOf(scene), {});
  await using other = await makeLeakScene();
  await addFiles(other);
  await other.addImageRows({ snapshots: layers });
  deepEqual(await countsOf(other), { blobs: 4, snapshots: 2 });
});

test("what a pull that failed a short while ago had is kept for its next try", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  const ingest = join(scene.config.root, "content", "ingest");
  await mkdir(ingest, { recursive: true });
  await writeFile(join(ingest, `sha256-${hex("7")}`), "part");
  await writeFile(join(ingest, `sha256-${hex("8")}`), "part");
  const old = new Date(Date.now() - 601_000);
  await utimes(join(ingest, `sha256-${hex("8")}`), old, old);
  await scene.addImageRows({ snapshots: layers });
  deepEqual(await countsOf({ ...scene, config: { ...scene.config, keepPartialsMs: 600_000 } }), { partials: 1 });
  deepEqual(await countsOf(scene), { blobs: 4, snapshots: 2, partials: 2 });
});

test("a running pull holds what it has claimed, one of a dead daemon is found", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  const ingest = join(scene.config.root, "content", "ingest");
  await mkdir(ingest, { recursive: true });
  await writeFile(join(ingest, `sha256-${hex("7")}`), "part");
  const facts = {
    documents: [{ digest: digest("2") }],
    config: { digest: digest("1") },
    layers: [...image.layers, { digest: digest("7"), chainId: digest("8") }],
  };
  {
    using _ = lockFile(join(scene.config.root, "lock"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const pull = { id: "ab", state: "pulling", createdAt: now(), plan: { reference: "docker.io/library/x:1" }, facts };
    await scene.addImageRows({ pulls: [pull], snapshots: layers });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await mkdir(join(scene.config.root, "snapshots", "3"));
    deepEqual(await countsOf(scene), {});
  }
  deepEqual(await countsOf(scene), { pulls: 1, snapshots: 1, partials: 1 });
  // The next daemon has not undone it.
  using _ = lockFile(join(scene.config.root, "lock"));
  deepEqual(await countsOf(scene), { pulls: 1 });
});

test("a removal that is under way holds what it removes, one of a dead daemon is found", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  await scene.addImageRows({ images: [{ ...image, state: "removing" }], snapshots: layers });
  {
    using _ = lockFile(join(scene.config.root, "lock"));
    await mkdir(join(scene.config.root, "snapshots", "3"));
    deepEqual(await countsOf(scene), {});
    await rm(join(scene.config.root, "snapshots", "3"), { recursive: true });
  }
  deepEqual(await countsOf(scene), { blobs: 4, snapshots: 2, images: 1 });
});

test("snapshots go with their owners, and layers stay while one stands on them", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  await mkdir(join(scene.config.root, "snapshots", "3"));
  const owner = await scene.addRow("ready");
  const active = { id: `${owner}-pause`, state: "active", dir: "3", createdAt: now(), parent: digest("6"), owner };
  await scene.addImageRows({ snapshots: [...layers, active] });
  deepEqual(await countsOf(scene), { blobs: 4 });
  await scene.addImageRows({ snapshots: [{ ...active, owner: scene.newId() }] });
  deepEqual(await countsOf(scene), { blobs: 4, snapshots: 1 });
});

test("a mount of snapshots is found wherever it is, unless its owner may have it", { skip }, async () => {
  await using scene = await makeLeakScene();
  const { root } = scene.config;
  await addFiles(scene);
  for (const dir of ["3/fs", "3/work", "4"]) await mkdir(join(root, "snapshots", dir), { recursive: true });
  const targets = ["overlay", "bind", "view"].map((name) => join(root, "..", name));
  for (const target of targets) await mkdir(target);
  // Before the scene removes the directories.
  await using mounted = new AsyncDisposableStack();
  for (const target of targets) mounted.defer(() => umountTree(target));
  const at = (dir: string): string => join(root, "snapshots", dir);
  const lower = `lowerdir=${at("2/fs")}:${at("1/fs")}`;
  execFileSync("mount", [
    "-t",
    "overlay",
    "overlay",
    "-o",
    `${lower},upperdir=${at("3/fs")},workdir=${at("3/work")}`,
    targets[0] ?? "",
  ]);
  execFileSync("mount", ["--bind", at("1/fs"), targets[1] ?? ""]);
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", lower, targets[2] ?? ""]);
  const owner = await scene.addRow("ready");
  const active = { id: "a", state: "active", dir: "3", createdAt: now(), parent: digest("6"), owner };
  const view = { id: "v", state: "view", dir: "4", createdAt: now(), parent: digest("6"), owner };
  await scene.addImageRows({ images: [image], snapshots: [...layers, active, view] });
  // The bind shows a layer that nobody has a view of.
  deepEqual(await countsOf(scene), { mounts: 1 });
  const gone = scene.newId();
  await scene.addImageRows({
    snapshots: [
      { ...active, owner: gone },
      { ...view, owner: gone },
    ],
  });
  deepEqual(await countsOf(scene), { mounts: 3, snapshots: 2 });
  await using second = await makeLeakScene();
  deepEqual(await countsOf(second), {});
});

test("what cannot be read makes the counters say that they do not know", { skip }, async () => {
  await using scene = await makeLeakScene();
  await addFiles(scene);
  await writeFile(join(scene.config.root, "metadata.db"), "this is no database");
  const { counts } = await findLeaks(scene.config);
  equal(counts["blobs"], null);
  equal(counts["snapshots"], null);
  equal(counts["partials"], 0);
});
