import { deepEqual } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { TestImage } from "./image.ts";
import { layerDirs } from "./mount-image.ts";
import { neededOfImages } from "./needed-of-images.ts";

/** Waits until the directories of a node's store have what the manifests of these images say, and no more. */
export async function untilStoreHas(node: Node, images: readonly TestImage[]): Promise<void> {
  const { blobs, layers } = neededOfImages(images);
  const inStore = (dir: string): readonly string[] => readdirSync(join(node.root, dir)).toSorted();
  await eventually(10_000, () => {
    deepEqual(
      inStore("content/blobs/sha256").map((name) => `sha256:${name}`),
      blobs,
    );
    deepEqual([...layerDirs(node).keys()].toSorted(), layers);
    deepEqual(inStore("snapshots"), [...layerDirs(node).values()].map((path) => dirname(path)).toSorted());
    deepEqual(inStore("content/ingest"), []);
    deepEqual(inStore("images"), images.map(({ id }) => id.slice(7)).toSorted());
  });
}
