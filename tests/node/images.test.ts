import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import { imageCalls } from "../support/images/image-calls.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { platformIndex, testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { startRealRegistry } from "../support/images/real-registry.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

const base = testLayer([
  { name: "etc", type: "directory" },
  { name: "etc/os-release", content: "ID=crib\n" },
]);
const app = platformIndex([base, testLayer([{ name: "app", mode: 0o755, content: "#!/bin/sh\n" }])], {
  config: { User: "www-data:33", Labels: { "io.cri-containerd.pinned": "pinned" } },
});

test("an image of a real registry is pulled, listed, shown and removed under all its names", needsRoot, async (t) => {
  const registry = await startRealRegistry(t);
  await registry.push("team/app", ["v1", "latest"], app);
  const node = await startNode(t);
  const images = imageCalls(node);
  const name = `${registry.host}/team/app`;

  equal(await images.pull(`${name}:v1`), app.id);
  const image = await images.status(`${name}:v1`);
  equal(image?.id, app.id);
  deepEqual(image.repoTags, [`${name}:v1`]);
  deepEqual(image.repoDigests, [`${name}@${app.top.digest}`]);
  equal(image.username, "www-data");
  equal(image.uid, undefined);
  // What an image says of itself decides nothing on the host (CVE-2026-53488).
  equal(image.pinned, false);
  ok(image.size > 0n);

  equal(await images.pull(name), app.id);
  equal(await images.pull(`${name}@${app.top.digest}`), app.id);
  const tags = [`${name}:latest`, `${name}:v1`];
  const [listed, ...others] = await images.list();
  deepEqual(others, []);
  deepEqual(listed?.repoTags, tags);
  const hex = app.id.slice("sha256:".length);
  for (const reference of [...tags, name, app.id, hex, hex.slice(0, 12), `${name}@${app.top.digest}`]) {
    deepEqual(await images.status(reference), listed, reference);
  }

  const info = await images.info(app.id);
  equal(info.layers.length, 2);
  equal(info.chainID, info.layers[1]?.chainId);
  deepEqual((info.imageSpec["config"] as { readonly User: string }).User, "www-data:33");
  deepEqual(await unsoundBlobs(node), []);

  await node.restart();
  deepEqual(await images.list(), [listed]);
  await images.remove(`${name}:v1`);
  deepEqual(await images.list(), []);
  for (const reference of [...tags, app.id]) equal(await images.status(reference), undefined);
  await images.remove(`${name}:v1`);
  await eventually(10_000, () => deepEqual(storeContents(node), []));
});

test("a pull by digest has no tag, and one without a name there is NotFound", needsRoot, async (t) => {
  const registry = await startRealRegistry(t);
  await registry.push("app", [], app);
  const images = imageCalls(await startNode(t));
  const name = `${registry.host}/app@${app.top.digest}`;
  equal(await images.pull(name), app.id);
  const image = await images.status(name);
  deepEqual([image?.repoTags, image?.repoDigests], [[], [name]]);
  for (const missing of ["app:nope", "nobody/nothing", `app@sha256:${"0".repeat(64)}`]) {
    await rejects(images.pull(`${registry.host}/${missing}`), { code: Code.NotFound }, missing);
  }
  await images.removeAll();
});

test("a tag that moves takes the name along and leaves the old image without it", needsRoot, async (t) => {
  const { images, serve } = await startImageNode(t);
  const name = serve(app, "app");
  const first = await images.pull(name);
  const next = testImage([base, testLayer([{ name: "v2" }])]);
  serve(next, "app");
  const second = await images.pull(name);
  equal(second, next.id);
  equal((await images.status(name))?.id, second);
  deepEqual((await images.status(first))?.repoTags, []);
  deepEqual((await images.status(second))?.repoTags, [name]);
  await images.remove(first);
  equal((await images.list()).length, 1);
});

test("one image from two registries is one image, and one removal takes both names", needsRoot, async (t) => {
  const { images, serve } = await startImageNode(t);
  const names = [serve(app, "one/app"), serve(app, "two/app")];
  const [first, second] = [await images.pull(names[0] ?? ""), await images.pull(names[1] ?? "")];
  equal(first, second);
  deepEqual((await images.status(first))?.repoTags, names);
  await images.remove(names[1] ?? "");
  for (const name of [...names, first]) equal(await images.status(name), undefined);
});

test("removals of the same image at the same time all succeed", needsRoot, async (t) => {
  const { images, serve } = await startImageNode(t);
  const id = await images.pull(serve(app));
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      await images.remove(id);
      equal(await images.status(id), undefined);
    }),
  );
});

test("an image of 120 layers is whole", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t);
  const layers = Array.from({ length: 120 }, (_, index) =>
    testLayer([
      { name: "same", content: `${index}` },
      { name: `own${index}`, content: `${index}` },
    ]),
  );
  const id = await pull(testImage(layers));
  await withMountedImage(node, id, async (dir) => {
    const lines = await listTree(dir);
    equal(lines.filter((line) => line.startsWith("./own")).length, 120);
  });
});

test("ImageFsInfo tells what images take, more after a pull and less after a removal", needsRoot, async (t) => {
  const { node, images, pull } = await startImageNode(t);
  const used = async (): Promise<number> =>
    Number((await node.cri.image.imageFsInfo({})).imageFilesystems[0]?.usedBytes?.value);
  const before = await used();
  const id = await pull(testImage([testLayer([{ name: "big", content: Buffer.alloc(8 << 20, "x") }], "none")]));
  // The blob and the tree.
  await eventually(10_000, async () => ok((await used()) >= before + (16 << 20), `${before}, then ${await used()}`));
  await images.remove(id);
  await eventually(10_000, async () => ok((await used()) < before + (1 << 20), `${before}, then ${await used()}`));
});

test("a pull is for a handler that there is; the streamed list is the list", needsRoot, async (t) => {
  const { node, images, serve } = await startImageNode(t);
  const name = serve(app);
  await rejects(images.pull(name, { handler: "nobody" }), { code: Code.InvalidArgument });
  equal(await images.pull(name, { handler: "paused" }), app.id);
  const streamed = [];
  for await (const { images: some } of node.cri.image.streamImages({})) streamed.push(...some);
  deepEqual(streamed, await images.list());
});
