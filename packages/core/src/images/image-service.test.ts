import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { fakeImage, fakeIndex } from "./testing/fake-registry.ts";
import { ImageFixture } from "./testing/image-fixture.ts";
import type { PullEvent } from "./types.ts";

test("a pulled image is found by each of its names and survives a restart", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(["base layer", "top layer"]);
  const index = fakeIndex(image.manifest);
  node.registry.tag("busybox", image, index);
  const events: PullEvent[] = [];

  const pulled = await node.pull("busybox", { onEvent: (event) => events.push(event) });

  equal(pulled.id, image.id);
  deepEqual(pulled.repoTags, ["docker.io/library/busybox:latest"]);
  deepEqual(pulled.repoDigests, [`docker.io/library/busybox@${index.digest}`]);
  equal(pulled.user, "1000");
  deepEqual(await node.counts(), { blobs: 5, partials: 0, layers: 2, directories: 2, pulls: 0 });
  deepEqual(
    events.filter(({ kind }) => kind !== "layer").map(({ kind }) => kind),
    ["resolving", "resolved", "done"],
  );
  equal(node.unpacker.syncs, 1);

  await node.restart();
  const names = [
    "busybox",
    "docker.io/library/busybox:latest",
    `busybox@${index.digest}`,
    `busybox:other@${index.digest}`,
    image.id,
    image.id.slice(7),
    image.id.slice(7, 19),
    image.id.slice(0, 19),
    index.digest,
    image.manifest.digest,
  ];
  for (const name of names) equal(node.images.find(name)?.id, image.id, name);
  for (const name of ["busybox:1", image.id.slice(7, 18), "", "sha256:", "a".repeat(64), "../x"]) {
    equal(node.images.find(name), undefined, name);
  }
  equal((await node.images.config(image.id)).user, "1000");
  const shown = await node.images.describe(image.id);
  equal((shown["imageSpec"] as { os: string }).os, "linux");
  equal(shown["chainID"], pulled.layers.at(-1)?.chainId);
});

test("what is there is not fetched again, and nothing is synced for it", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(["base layer", "top layer"]);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  node.registry.requests.length = 0;
  const states: string[] = [];

  await node.pull("busybox", { onEvent: (event) => event.kind === "layer" && states.push(event.state) });

  deepEqual(node.registry.requests, ["manifest docker.io/library/busybox:latest"]);
  ok(states.includes("exists"));
  equal(node.unpacker.syncs, 1);
});

test("a removed image takes with it what only it needs", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("a", fakeImage(["shared", "only a"]));
  node.registry.tag("b", fakeImage(["shared", "only b"]));
  await node.pull("a");
  await node.pull("b");
  await node.images.remove("a");
  equal(node.images.find("a"), undefined);
  deepEqual(await node.counts(), { blobs: 4, partials: 0, layers: 2, directories: 2, pulls: 0 });
  await node.images.remove("a");
  await node.images.remove("b");
  deepEqual(await node.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
});

test("images with the names of the configuration are pinned, and can be removed when somebody asks for it", async (t) => {
  const node = await ImageFixture.open(t, { pinned: new Set(["registry.k8s.io/pause:3.10"]) });
  const image = fakeImage(["pause"]);
  node.registry.tag("registry.k8s.io/pause:3.10", image);
  node.registry.tag("pause", image);
  equal((await node.pull("pause")).pinned, false);
  equal((await node.pull("registry.k8s.io/pause:3.10")).pinned, true);
  equal((await node.pull("pause")).pinned, true);
  await node.images.remove("registry.k8s.io/pause:3.10");
  deepEqual(node.images.list(), []);
});

test("an unknown runtime handler and an unknown image are refused with the reference", async (t) => {
  const node = await ImageFixture.open(t);
  await rejects(node.pull("busybox", { runtimeHandler: "kata" }), {
    code: Code.InvalidArgument,
    message: /busybox.*kata/,
  });
  await rejects(node.pull("busybox"), { code: Code.NotFound, message: /docker.io\/library\/busybox:latest/ });
  deepEqual(await node.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
});
