import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Images } from "@crib/wire/admin";

import { startImageNode } from "../support/images/image-node.ts";
import { platformIndex, testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";

const base = testLayer([{ name: "base", content: "base" }]);
const severalImages = [1, 2, 3].map((which) =>
  platformIndex([base, testLayer([{ name: `${which}`, content: `${which}`.repeat(10_000) }])]),
);

function blobPath({ root }: Node, digest: string): string {
  return join(root, "content/blobs", ...digest.split(":"));
}

test("a blob that was changed on the disk is noticed and fetched again by the next pull", needsRoot, async (t) => {
  const { node, images, serve } = await startImageNode(t);
  const layer = testLayer([{ name: "f", content: "x".repeat(50_000) }], "none");
  const image = testImage([layer]);
  const name = serve(image);
  const harms: Readonly<Record<string, (path: string) => void>> = {
    "a bit flipped": (path) => {
      const bytes = readFileSync(path);
      bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    "cut off": (path) => truncateSync(path, 100),
    empty: (path) => truncateSync(path, 0),
    gone: (path) => rmSync(path),
  };
  for (const [what, harm] of Object.entries(harms)) {
    await t.test(what, async () => {
      await images.pull(name);
      harm(blobPath(node, layer.digest));
      deepEqual(await unsoundBlobs(node), [layer.digest]);
      // An image above it needs the layer's tree, which is as it was; the blob is fetched where it is needed.
      await node.cri.service(Images).collect({});
      await images.remove(name);
      equal(await images.pull(name), image.id);
      deepEqual(await unsoundBlobs(node), []);
      await images.remove(name);
    });
  }
  await t.test("a configuration that was changed", async () => {
    await images.pull(name);
    writeFileSync(blobPath(node, image.id), "{}");
    deepEqual(await unsoundBlobs(node), [image.id]);
    await rejects(images.info(name));
    equal((await images.status(name))?.id, image.id);
    equal(await images.pull(name), image.id);
    deepEqual(await unsoundBlobs(node), []);
    ok(await images.info(name));
  });
});

test("without its database the daemon knows its images from their copies", needsRoot, async (t) => {
  const { node, images, serve, registry } = await startImageNode(t);
  const names = severalImages.map((image) => serve(image));
  for (const name of names) await images.pull(name);
  const listed = async (): Promise<readonly object[]> =>
    (await images.list()).toSorted((first, second) => first.id.localeCompare(second.id));
  const before = await listed();
  const losses: Readonly<Record<string, (path: string) => void>> = {
    gone: (path) => rmSync(path),
    "cut off": (path) => truncateSync(path, 5_000),
    noise: (path) => writeFileSync(path, Buffer.alloc(50_000, "noise")),
  };
  for (const [what, lose] of Object.entries(losses)) {
    await t.test(what, async () => {
      await node.kill();
      for (const suffix of ["-wal", "-shm"]) rmSync(join(node.root, `metadata.db${suffix}`), { force: true });
      lose(join(node.root, "metadata.db"));
      registry.reset();
      await node.restart();
      deepEqual(await listed(), before);
      deepEqual(await unsoundBlobs(node), []);
      for (const name of names) await images.pull(name);
      equal(registry.requestsFor("/blobs/").length, 0, "what is there was fetched again");
      deepEqual(await node.leaks(), []);
    });
  }
  for (const name of names) await images.remove(name);
  await node.cri.service(Images).collect({ abandonedToo: true });
  deepEqual(storeContents(node), []);
});

test("what somebody else has put into the store is neither used nor taken away", needsRoot, async (t) => {
  const { node, images, pull } = await startImageNode(t);
  const id = await pull(testImage([base]));
  await node.kill();
  const foreign = ["content/blobs/sha256/README", "snapshots/not-a-number", "images/notes.txt"].map((name) =>
    join(node.root, name),
  );
  for (const path of foreign) writeFileSync(path, "mine");
  await node.restart();
  await images.remove(id);
  await node.cri.service(Images).collect({ abandonedToo: true });
  for (const path of foreign) {
    equal(readFileSync(path, "utf8"), "mine");
    rmSync(path);
  }
});

// CVE-2021-41103: what an older daemon, or somebody, left open is closed again at the start.
test("directories that are open to everybody are closed at the start", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t);
  await pull(testImage([base]));
  await node.kill();
  const dirs = ["", "content", "content/blobs", "content/blobs/sha256", "snapshots", "images"].map((name) =>
    join(node.root, name),
  );
  for (const dir of dirs) chmodSync(dir, 0o777);
  await node.restart();
  const isOpen = (dir: string): boolean => (statSync(dir).mode & 0o077) !== 0;
  // Nobody gets to what is below a closed directory.
  ok(!isOpen(join(node.root, "snapshots")), "snapshots are open");
  ok(!isOpen(node.root) || !isOpen(join(node.root, "content")), "the content is open");
  ok(readdirSync(join(node.root, "snapshots")).length > 0);
});
