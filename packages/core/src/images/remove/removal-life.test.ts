import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { type Digest, digestOf } from "@crib/oci-spec";

import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const layer = Buffer.from("a layer of some bytes");
const image = fakeImage([layer]);
const whole = { blobs: 3, partials: 0, layers: 1, directories: 1, pulls: 0 };

/** Makes the removal of a blob wait until it is let go. */
function slowDeletion(node: ImageFixture, slow: Digest): { readonly begun: Promise<void>; readonly go: () => void } {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const remove = node.content.delete.bind(node.content);
  node.content.delete = async (digest) => {
    if (digest === slow) {
      begun.resolve();
      await gate.promise;
    }
    await remove(digest);
  };
  return { begun: begun.promise, go: gate.resolve };
}

test("a pull that ends while its image is being removed makes it ready again, with all that it needs", async (t) => {
  const node = await ImageFixture.open(t);
  const index = fakeIndex(image.manifest);
  node.registry.tag("busybox", image, index);
  await node.pull("busybox");
  // The one blob that the next pull does not need, and thus does not wait for.
  const slow = slowDeletion(node, index.digest);
  node.registry.tag("busybox", image);
  const removal = node.images.remove("busybox");
  await slow.begun;
  equal(node.images.find(image.id), undefined);
  await node.pull("busybox");
  slow.go();
  await removal;
  equal(node.images.find("busybox")?.id, image.id);
  await node.restart();
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await node.counts(), whole);
  for await (const { state } of node.images.verify(t.signal)) equal(state, "sound");
});

test("a pull waits for the removal of a blob that was decided before it came", async (t) => {
  const node = await ImageFixture.open(t);
  await node.content.write(digestOf(layer), layer);
  const slow = slowDeletion(node, digestOf(layer));
  const collection = node.images.collectGarbage(t.signal);
  await slow.begun;
  node.registry.tag("busybox", image);
  const pulling = node.pull("busybox");
  await new Promise((resolve) => setTimeout(resolve, 20));
  slow.go();
  await Promise.all([collection, pulling]);
  equal(node.registry.fetches(layer), 1);
  deepEqual(await node.counts(), whole);
});

test("removals of the same image at the same time are one", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  await Promise.all(["busybox", image.id, image.manifest.digest].map((name) => node.images.remove(name)));
  deepEqual(await node.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
  ok(node.warnings.length === 0);
});
