import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { serveWith } from "@crib/registry/testing";
import { Images } from "@crib/wire/admin";

import { eventually, pause } from "../support/eventually.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { type Compression, testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";

const rounds = 15;
const packed: readonly Compression[] = ["gzip", "zstd", "none"];
const base = testLayer(Array.from({ length: 200 }, (_, file) => ({ name: `base/${file}`, content: `${file}` })));

/** Images that share a layer, each with its own others, one of which has the mark in 50 files. */
const images = Array.from({ length: 6 }, (_, which) =>
  testImage([
    base,
    testLayer(
      Array.from({ length: 50 }, (_, file) => ({ name: `own/${file}`, content: `${which}`.repeat(2_000) })),
      packed[which % packed.length],
    ),
    testLayer([{ name: "base/.wh.7" }, { name: "top", type: "link", linkname: "own/1" }]),
  ]),
);

/** Numbers between 0 and 1, the same ones each time (a linear congruential generator). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

test(
  "killed at any instant of pulls and removals, the store has whole images and nothing else",
  needsRoot,
  async (t) => {
    const target = await startImageNode(t);
    const { node, registry } = target;
    const names = images.map((image) => target.serve(image));
    registry.script({ path: "/blobs/" }, serveWith({ chunkBytes: 5_000, chunkMs: 1 }));
    const random = sequence(20_261_121);
    let found = 0;
    for (let round = 0; round < rounds; round++) {
      const calls = names.map((name) => (random() < 0.7 ? target.images.pull(name) : target.images.remove(name)));
      // Which of them come through is a matter of chance.
      const settled = Promise.allSettled(calls);
      await pause(10 + random() * 500);
      await node.restart();
      await settled;
      const listed = await target.images.list();
      found += listed.length;
      for (const { id } of listed) {
        const lines = await withMountedImage(node, id, (dir) => listTree(dir, { withoutTimes: true }));
        equal(lines.filter((line) => line.startsWith("./base/")).length, 200);
        equal(lines.filter((line) => line.startsWith("./own/")).length, 51);
        ok(lines.some((line) => line.startsWith("./top ")));
      }
      deepEqual(await unsoundBlobs(node), []);
      deepEqual(await node.leaks(), []);
    }
    ok(found > 0, "no image ever came through");
    for (const [index, name] of names.entries()) equal(await target.images.pull(name), images[index]?.id);
    deepEqual(await unsoundBlobs(node), []);
    await target.images.removeAll();
    await node.cri.service(Images).collect({ abandonedToo: true });
    await eventually(5_000, () => deepEqual(storeContents(node), []));
  },
);
