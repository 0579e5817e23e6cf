import { deepEqual, equal, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { type FakeDocument, fakeImage, fakeIndex } from "../../testing/fake-registry.ts";
import { ImageFixture } from "../../testing/image-fixture.ts";

const nothing = { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 };

function nested(depth: number, document: FakeDocument): readonly FakeDocument[] {
  const indexes = [fakeIndex(document)];
  while (indexes.length < depth) indexes.unshift(fakeIndex(indexes[0] ?? document));
  return indexes;
}

test("indexes lead to indexes, four of them and no more", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(["layer"]);
  const [top = image.manifest, ...between] = nested(4, image.manifest);
  node.registry.tag("deep", image, top, ...between);
  equal((await node.pull("deep")).targets.length, 5);

  const [first = image.manifest, ...others] = nested(5, image.manifest);
  node.registry.tag("deeper", image, first, ...others);
  await node.images.remove("deep");
  node.registry.requests.length = 0;
  await rejects(node.pull("deeper"), { code: Code.InvalidArgument, message: /deeper.*more than 4 indexes/ });
  equal(node.registry.requests.length, 5, "the manifest below was never asked for");
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await node.counts(), nothing);
});

test("a configuration that does not fit its manifest or this machine is refused, and nothing of the image is kept", async (t) => {
  const node = await ImageFixture.open(t);
  const cases = [
    ["too many layers", fakeImage(["a"], { rootfs: { diff_ids: [] } }), Code.InvalidArgument],
    ["another processor", fakeImage(["a"], { architecture: "s390x" }), Code.NotFound],
    ["another system", fakeImage(["a"], { os: "windows" }), Code.NotFound],
    ["no digest", fakeImage(["a"], { rootfs: { diff_ids: ["sha256:../../x"] } }), Code.InvalidArgument],
    ["wrong types", fakeImage(["a"], { config: { Env: "PATH" } }), Code.InvalidArgument],
  ] as const;
  for (const [name, image, code] of cases) {
    await t.test(name, async () => {
      node.registry.tag("busybox", image);
      await rejects(node.pull("busybox"), { code });
      await node.images.collectGarbage(t.signal, { abandonedToo: true });
      deepEqual(await node.counts(), nothing);
    });
  }
});

test("an image that says nothing of its processor is taken", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage(["a"], { architecture: "" }));
  equal((await node.pull("busybox")).platform.architecture, "");
});

test("documents of the store are not fetched again, unless they are damaged", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(["a"]);
  node.registry.tag("busybox", image, fakeIndex(image.manifest));
  await node.pull("busybox");
  await writeFile((await node.content.find(image.id))?.path ?? "", "damaged");
  node.registry.requests.length = 0;
  await node.pull("busybox");
  deepEqual(node.registry.requests, ["manifest docker.io/library/busybox:latest", `small ${image.id}`]);
  equal((await node.images.config(image.id)).user, "1000");
});
