import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const one = fakeImage(["one"]);
const two = fakeImage(["two"]);

test("a tag that moves leaves the old image with its digest", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", one);
  await node.pull("busybox");
  node.registry.tag("busybox", two);
  await node.pull("busybox");
  const names = (): unknown => [one, two].map(({ id }) => node.images.find(id)?.repoTags);
  deepEqual(names(), [[], ["docker.io/library/busybox:latest"]]);
  deepEqual(node.images.find(one.id)?.repoDigests, [`docker.io/library/busybox@${one.manifest.digest}`]);
  await node.restart();
  deepEqual(names(), [[], ["docker.io/library/busybox:latest"]]);
  await node.images.remove(`busybox@${one.manifest.digest}`);
  equal(node.images.list().length, 1);
});

test("an image pulled by digest has no tag, and gains one later", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", one);
  const byDigest = await node.pull(`busybox@${one.manifest.digest}`);
  deepEqual(byDigest.repoTags, []);
  const both = await node.pull(`busybox:1.36@${one.manifest.digest}`);
  deepEqual(both.repoTags, []);
  deepEqual((await node.pull("busybox")).repoTags, ["docker.io/library/busybox:latest"]);
});

test("one configuration from two registries is one image with the names of both", async (t) => {
  const node = await ImageFixture.open(t);
  const index = fakeIndex(one.manifest);
  node.registry.tag("a.example/x:1", one);
  node.registry.tag("b.example/y:2", one, index);
  await node.pull("a.example/x:1");
  const image = await node.pull("b.example/y:2");
  deepEqual(image.repoTags, ["a.example/x:1", "b.example/y:2"]);
  deepEqual(image.repoDigests, [`a.example/x@${one.manifest.digest}`, `b.example/y@${index.digest}`]);
  deepEqual(image.targets, [one.manifest.digest, index.digest].toSorted());
  equal(node.images.list().length, 1);
  await node.images.remove("a.example/x:1");
  deepEqual(node.images.list(), []);
  deepEqual(await node.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
});

test("an id is found by a beginning of twelve digits or more, unless two images have it", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", one);
  const { id } = await node.pull("busybox");
  equal(node.images.find(id.slice(7, 19))?.id, id);
  equal(node.images.find(id.slice(0, 18)), undefined);
  // Digits that are the name of an image are that.
  node.registry.tag(id.slice(7, 19), two);
  await node.pull(id.slice(7, 19));
  equal(node.images.find(id.slice(7, 19))?.id, two.id);
  equal(node.images.find(id.slice(7, 20))?.id, id);
});

test("a name that is damaged is not believed, and comes back from the image's copy", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", one);
  node.registry.tag("other", two);
  await node.pull("busybox");
  await node.pull("other");
  const before = node.images.list();
  const damages = [
    "UPDATE image_names SET name = replace(name, 'busybox', 'busybbx')",
    `UPDATE image_names SET image_id = '${two.id}' WHERE name LIKE '%busybox%'`,
    `UPDATE image_names SET target = replace(target, 'sha256:', 'sha257:')`,
  ];
  for (const damage of damages) {
    node.database.sqlite.exec(damage);
    await node.restart();
    deepEqual(node.images.list(), before, damage);
  }
});
