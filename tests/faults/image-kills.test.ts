import { deepEqual, equal } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { Images } from "@crib/wire/admin";

import { pause } from "../support/eventually.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { imageArchitecture, testImage, type TestImage, testIndex } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { untilStoreHas } from "../support/images/until-store-has.ts";
import { needsRoot } from "../support/needs-root.ts";
import { randomNumbers } from "../support/random.ts";
import { runCrib } from "../support/run-crib.ts";

const kills = 30;

const base = testLayer(
  Array.from({ length: 300 }, (_, index) => ({ name: `base${index}`, content: `${index}`.repeat(index) })),
);
const middle = testLayer([{ name: "middle", content: randomBytes(2 << 20) }], "none");

/** Four small ones and two of some megabytes; they share layers, one of them is told by an index. */
const all: readonly TestImage[] = [
  testImage([base, topLayer("a")]),
  testImage([base, topLayer("b")]),
  testImage([base, topLayer("b"), topLayer("c")]),
  indexOf(testImage([topLayer("d")])),
  testImage([base, middle, topLayer("e")]),
  testImage([middle, testLayer([{ name: "own", content: Buffer.alloc(8 << 20, "own ") }]), topLayer("f")]),
];

function topLayer(which: string): ReturnType<typeof testLayer> {
  return testLayer([
    { name: "./", type: "directory" },
    { name: "top", content: which },
    { name: "link", type: "symlink", linkname: "top" },
  ]);
}

function indexOf(image: TestImage): TestImage {
  return testIndex([{ image, platform: { architecture: imageArchitecture(), os: "linux" } }]);
}

/** An image, its name, and its tree as it is when nobody is killed. */
interface Served {
  readonly image: TestImage;
  readonly name: string;
  readonly tree: readonly string[];
}

async function serveAll({ node, images, serve }: ImageNode): Promise<readonly Served[]> {
  const served: Served[] = [];
  for (const image of all) {
    const name = serve(image);
    await images.pull(name);
    served.push({ image, name, tree: await withMountedImage(node, name, listTree) });
  }
  return served;
}

/** Those of the images that have a name are whole. */
async function expectWhole({ node, images }: ImageNode, served: readonly Served[]): Promise<void> {
  const present = new Map((await images.list()).map(({ id, repoTags }) => [id, repoTags]));
  for (const { image, name, tree } of served) {
    const repoTags = present.get(image.id);
    if (repoTags === undefined) continue;
    deepEqual(repoTags, [name]);
    deepEqual(await withMountedImage(node, name, listTree), tree);
  }
  deepEqual(await unsoundBlobs(node), []);
}

test("kills at any instant of pulls and removals", needsRoot, async (t) => {
  const seed = Number(process.env["CRIB_TEST_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(`CRIB_TEST_SEED=${seed}`);
  const random = randomNumbers(seed);
  const target = await startImageNode(t, { images: { sync: false } });
  const { node, images } = target;
  const served = await serveAll(target);
  for (let kill = 0; kill < kills; kill++) {
    const present = new Set((await images.list()).map(({ id }) => id));
    const struck = served.filter(() => random() < 0.5);
    const act = (it: Served): Promise<unknown> =>
      present.has(it.image.id) ? images.remove(it.name) : images.pull(it.name);
    const calls = Promise.allSettled(struck.map(act));
    const afterMs = Math.round(random() * 100);
    await Promise.race([calls, pause(afterMs)]);
    await node.restart();
    await calls;
    await t.test(`${kill}: ${struck.length} calls, after ${afterMs} ms`, async () => {
      await expectWhole(target, struck);
      for (const it of struck) {
        await act(it);
        equal((await images.status(it.name)) === undefined, present.has(it.image.id));
      }
    });
  }
  const left = new Set((await images.list()).map(({ id }) => id));
  await expectWhole(target, served);
  await node.cri.service(Images).collect({ abandonedToo: true });
  await untilStoreHas(
    node,
    all.filter(({ id }) => left.has(id)),
  );
  const { exitCode, stdout } = await runCrib(node, "image", "verify");
  equal(exitCode, 0, stdout);
  deepEqual(await node.leaks(), []);
  await images.removeAll();
  await untilStoreHas(node, []);
});
