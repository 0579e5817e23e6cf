import { deepEqual, equal } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { type FixtureOptions, ImageFixture } from "../testing/image-fixture.ts";

const image = fakeImage(["base layer", "top layer"]);
const index = fakeIndex(image.manifest);

/** What is written to the disk, and what of the store stood in between: `files`, then `rows`. */
async function watch(node: ImageFixture): Promise<string[]> {
  const seen: string[] = [];
  const { database, unpacker, snapshots } = node;
  const syncFileSystem = unpacker.syncFileSystem.bind(unpacker);
  const sync = database.sync.bind(database);
  const remove = snapshots.remove.bind(snapshots);
  unpacker.syncFileSystem = async () => {
    seen.push(`files, ${node.rows("images").length} images`);
    await syncFileSystem();
  };
  database.sync = async () => {
    seen.push(`rows, ${node.images.list().length} images`);
    await sync();
  };
  snapshots.remove = async (key) => {
    seen.push("remove");
    await remove(key);
  };
  return seen;
}

async function open(t: Parameters<typeof ImageFixture.open>[0], options?: FixtureOptions): Promise<ImageFixture> {
  const node = await ImageFixture.open(t, options);
  node.registry.tag("busybox", image, index);
  node.registry.tag("alias", image);
  return node;
}

test("the disk has the files of an image before its row, and its row before the pull has ended", async (t) => {
  const node = await open(t);
  const seen = await watch(node);
  await node.pull("busybox");
  deepEqual(seen.splice(0), ["files, 0 images", "rows, 1 images"]);
  await node.pull("busybox");
  deepEqual(seen.splice(0), ["rows, 1 images"], "nothing came");
  await node.pull("alias");
  deepEqual(seen.splice(0), ["rows, 1 images"], "nothing came but a name");
});

test("an image of layers that are there is on the disk too", async (t) => {
  const node = await open(t);
  await node.pull("busybox");
  const other = fakeImage(["base layer", "top layer"], { user: "7" });
  node.registry.tag("other", other);
  const seen = await watch(node);
  await node.pull("other");
  deepEqual(seen, ["files, 1 images", "rows, 2 images"]);
});

test("the disk knows that an image is to be removed before the first of its files goes", async (t) => {
  const node = await open(t);
  await node.pull("busybox");
  const seen = await watch(node);
  await node.images.remove("busybox");
  deepEqual(seen, ["rows, 0 images", "remove", "remove"]);
});

test("where the configuration says so, the disk has what it has", async (t) => {
  const node = await open(t, { syncOnCommit: false });
  const seen = await watch(node);
  await node.pull("busybox");
  await node.images.remove("busybox");
  deepEqual(seen, ["remove", "remove"]);
});

test("a damaged manifest is replaced by the next pull", async (t) => {
  const node = await open(t);
  await node.pull("busybox");
  for (const { digest } of [index, image.manifest]) {
    for (const bytes of ["", "damaged"]) {
      await writeFile((await node.content.find(digest))?.path ?? "", bytes);
      await node.pull("busybox");
      equal(await node.content.verify(digest, t.signal), true);
    }
  }
});
