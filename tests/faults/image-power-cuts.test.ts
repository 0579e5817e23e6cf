import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { needsDisks } from "../support/disks/needs-disks.ts";
import { moveToDisk, type RootDisk } from "../support/disks/root-disk.ts";
import { eventually, pause } from "../support/eventually.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage, type TestImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { randomNumbers } from "../support/random.ts";

const layers = [
  testLayer([
    { name: "etc/", type: "directory" },
    { name: "etc/passwd", content: "root:x:0:0\n", xattrs: { "user.note": "one" } },
    ...Array.from({ length: 40 }, (_, index) => ({ name: `etc/f${index}`, content: `${index}`.repeat(2_000) })),
  ]),
  testLayer([{ name: "big", content: randomBytes(3 << 20) }], "none"),
  testLayer([
    { name: "./", type: "directory" },
    { name: "etc/hard", type: "link", linkname: "etc/passwd" },
    { name: "etc/.wh.f7" },
    { name: "soft", type: "symlink", linkname: "etc/passwd" },
  ]),
];
const image = testImage(layers);
const same = testImage(layers, { config: { Labels: { version: "2" } } });

const many = testImage([
  testLayer(
    Array.from({ length: 3_000 }, (_, index) => ({ name: `f${index}`, content: `${index}`.repeat(index % 500) })),
  ),
  ...layers,
]);

interface Stage extends ImageNode {
  readonly disk: RootDisk;
}

async function setStage(t: TestContext, sync: boolean): Promise<Stage> {
  const target = await startImageNode(t, { images: { sync } });
  return { ...target, disk: await moveToDisk(t, target.node, { megabytes: 128 }) };
}

async function treeOf({ node }: ImageNode, name: string): Promise<readonly string[]> {
  return withMountedImage(node, name, listTree);
}

/** Everything of an image is there, with no help of its registry. */
async function expectWhole(stage: Stage, name: string, { id }: TestImage, tree: readonly string[]): Promise<void> {
  const asked = stage.registry.requests.length;
  equal((await stage.images.status(name))?.id, id);
  deepEqual(await unsoundBlobs(stage.node), []);
  deepEqual(await treeOf(stage, name), tree);
  deepEqual(await stage.node.leaks(), []);
  equal(stage.registry.requests.length, asked);
}

test("what was pulled is there when the power fails right after it", needsDisks, async (t) => {
  const stage = await setStage(t, true);
  const { images, registry, serve, disk } = stage;
  const name = serve(image);
  await images.pull(name);
  await disk.cutPower();
  const tree = await treeOf(stage, name);
  ok(tree.length > 40, "the tree is empty");
  await expectWhole(stage, name, image, tree);

  await t.test("by another name", async () => {
    const other = serve(image);
    await images.pull(other);
    await disk.cutPower();
    await expectWhole(stage, other, image, tree);
    await expectWhole(stage, name, image, tree);
  });

  await t.test("an image of the same layers", async () => {
    const other = serve(same);
    await images.pull(other);
    await disk.cutPower();
    await expectWhole(stage, other, same, tree);
    equal(registry.requestsFor(layers[0]?.digest ?? "").length, 1);
  });

  await t.test("a blob that had been lost", async () => {
    const lost = layers[0]?.digest ?? "";
    rmSync(join(stage.node.root, "content/blobs", lost.replace(":", "/")));
    await images.pull(name);
    await disk.cutPower();
    await expectWhole(stage, name, image, tree);
  });

  await t.test("and nothing else needs to be: without `sync` it would not be", async (t) => {
    const careless = await setStage(t, false);
    const other = careless.serve(image);
    await careless.images.pull(other);
    careless.disk.writeJournal();
    await careless.disk.cutPower();
    const left = await careless.images.list();
    ok(left.length === 0 || (await unsoundBlobs(careless.node)).length > 0, "this disk forgets nothing");
    await careless.images.removeAll();
    await careless.images.pull(other);
    await expectWhole(careless, other, image, tree);
  });
});

test("when the power fails at any instant, what is there is whole", needsDisks, async (t) => {
  const seed = Number(process.env["CRIB_TEST_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(`CRIB_TEST_SEED=${seed}`);
  const random = randomNumbers(seed);
  const stage = await setStage(t, true);
  const { images, serve, disk, node } = stage;
  const name = serve(many);
  await images.pull(name);
  const tree = await treeOf(stage, name);
  for (let cut = 0; cut < 6; cut++) {
    const isRemoval = cut % 2 === 1;
    if (!isRemoval) await images.remove(name);
    const afterMs = Math.round(random() * (isRemoval ? 100 : 400));
    const call = Promise.allSettled([isRemoval ? images.remove(name) : images.pull(name)]);
    const writes = setInterval(() => disk.writeJournal(), 10);
    await Promise.race([call, pause(afterMs)]);
    clearInterval(writes);
    await disk.cutPower();
    await call;
    await t.test(`${isRemoval ? "removal" : "pull"}, after ${afterMs} ms`, async () => {
      // What is being made whole or removed in the background is so a moment later.
      await eventually(5_000, async () => deepEqual(await unsoundBlobs(node), []));
      for (const { id } of await images.list()) {
        equal(id, many.id);
        deepEqual(await treeOf(stage, id), tree);
      }
      equal(await images.pull(name), many.id);
      await expectWhole(stage, name, many, tree);
    });
  }
});
