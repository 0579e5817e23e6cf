import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { removeImage } from "../remove/remove-image.ts";
import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";
import { pullImage } from "./pull-image.ts";

const image = fakeImage(["base layer", "middle layer", "top layer"]);
const index = fakeIndex(image.manifest);
const nothing = { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 };
const everything = { blobs: 6, partials: 0, layers: 3, directories: 3, pulls: 0 };
const points = ["before", "inside", "after"] as const;

for (const { name } of pullImage.steps) {
  for (const point of points) {
    test(`PullImage undoes a failure ${point} ${name}, and the next try succeeds`, async (t) => {
      const node = await ImageFixture.open(t, { faults: `PullImage/${name}@${point}=fail*1` });
      node.registry.tag("busybox", image, index);
      await rejects(node.pull("busybox"), { code: Code.Internal, message: /injected fault/ });
      deepEqual(node.images.list(), []);
      const { pulls, directories, layers } = await node.counts();
      deepEqual({ pulls, directories }, { pulls: 0, directories: layers }, "no row and no half layer is left");
      const pulled = await node.pull("busybox");
      equal(pulled.id, image.id);
      deepEqual(await node.counts(), everything);
    });

    test(`what a failure ${point} ${name} of PullImage left is collected`, async (t) => {
      const node = await ImageFixture.open(t, { faults: `PullImage/${name}@${point}=fail*1` });
      node.registry.tag("busybox", image, index);
      await rejects(node.pull("busybox"));
      await node.images.collectGarbage(t.signal, { abandonedToo: true });
      deepEqual(await node.counts(), nothing);
    });
  }
}

async function undone(node: ImageFixture): Promise<void> {
  while (node.rows("pulls").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

for (const point of points) {
  test(`an undo that fails ${point} its steps keeps the row and is tried again`, async (t) => {
    const undos = ["layers.fetch", "layers.unpack"].map((name) => `PullImage/${name}!undo@${point}=fail*2`);
    const node = await ImageFixture.open(t, { faults: ["PullImage/layers.commit@before=fail*1", ...undos].join(";") });
    node.registry.tag("busybox", image, index);
    await rejects(node.pull("busybox"));
    equal(node.rows("pulls").length, 1);
    await undone(node);
    await node.images.collectGarbage(t.signal, { abandonedToo: true });
    deepEqual(await node.counts(), nothing);
  });

  test(`an undo that fails ${point} its steps keeps nothing once another try has succeeded`, async (t) => {
    const undos = ["layers.fetch", "layers.unpack"].map((name) => `PullImage/${name}!undo@${point}=fail*2`);
    const node = await ImageFixture.open(t, { faults: ["PullImage/layers.commit@before=fail*1", ...undos].join(";") });
    node.registry.tag("busybox", image, index);
    await rejects(node.pull("busybox"));
    await node.pull("busybox");
    await node.images.remove("busybox");
    await undone(node);
    await node.images.collectGarbage(t.signal);
    deepEqual(await node.counts(), nothing);
  });
}

test("a directory that cannot be removed does not fail the pull it is of, and goes later", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage(["hostile"]));
  const discard = node.snapshots.discardLayerDirectory.bind(node.snapshots);
  let tries = 0;
  node.snapshots.discardLayerDirectory = async (directory) => {
    if (++tries <= 2) throw new StatusError(Code.FailedPrecondition, "it is busy");
    await discard(directory);
  };
  await rejects(node.pull("busybox"), { code: Code.InvalidArgument, message: /no tar/ });
  await undone(node);
  equal(tries, 3);
  equal((await node.counts()).directories, 0);
});

test("on a full disk a failed pull keeps nothing, not even while its row cannot be deleted", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  const full = new StatusError(Code.ResourceExhausted, "the disk is full");
  // All blobs are here by then, one of them as a partial file.
  node.unpacker.settle = () => {
    node.database.sqlite.exec("CREATE TRIGGER full BEFORE DELETE ON pulls BEGIN SELECT RAISE(ABORT, 'no room'); END");
    return Promise.reject(full);
  };
  await rejects(node.pull("busybox"), { code: Code.ResourceExhausted });
  await node.images.collectGarbage(t.signal);
  deepEqual(await node.counts(), { ...nothing, pulls: 1 });
  node.database.sqlite.exec("DROP TRIGGER full");
  while (node.rows("pulls").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("on a full disk partial files of a failed pull go at once, also when its undo had to be tried again", async (t) => {
  const node = await ImageFixture.open(t, { faults: "PullImage/layers.unpack!undo@before=fail*2" });
  node.registry.tag("busybox", image, index);
  const unpack = node.unpacker.unpack.bind(node.unpacker);
  node.unpacker.unpack = (job, signal) => {
    const run = unpack(job, signal);
    const done = run.done.then(() => Promise.reject(new StatusError(Code.ResourceExhausted, "the disk is full")));
    done.catch(() => {});
    return { ...run, done };
  };
  await rejects(node.pull("busybox"), { code: Code.ResourceExhausted });
  equal(node.rows("pulls").length, 1);
  while (node.rows("pulls").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await node.images.collectGarbage(t.signal);
  deepEqual(await node.counts(), nothing);
});

for (const { name } of removeImage.steps) {
  for (const point of points) {
    test(`RemoveImage goes on after a failure ${point} ${name}`, async (t) => {
      const node = await ImageFixture.open(t, { faults: `RemoveImage/${name}@${point}=fail*1` });
      node.registry.tag("busybox", image, index);
      await node.pull("busybox");
      await rejects(node.images.remove("busybox"), { code: Code.Internal });
      equal(node.images.find(image.id), undefined, "it is gone for everybody at once");
      while (node.rows("images").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      deepEqual(await node.counts(), nothing);
    });

    test(`a pull of an image whose removal stands ${point} ${name} brings it back whole`, async (t) => {
      const faults = `RemoveImage/${name}@${point}=fail*1`;
      const node = await ImageFixture.open(t, {
        faults,
        retries: { schedule: () => {}, cancel: () => {}, stop: () => {} },
      });
      node.registry.tag("busybox", image, index);
      await node.pull("busybox");
      await rejects(node.images.remove("busybox"));
      await node.pull("busybox");
      deepEqual(await node.counts(), everything);
      await node.restart();
      await node.images.collectGarbage(t.signal);
      equal(node.images.find("busybox")?.id, image.id);
      deepEqual(await node.counts(), everything);
    });
  }
}
