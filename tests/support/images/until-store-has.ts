import { deepEqual } from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { TestImage } from "./image.ts";
import { layerDirs } from "./mount-image.ts";
import { neededOfImages } from "./needed-of-images.ts";

/** Waits until the directories of a node's store have what the manifests of these images say, and no more. */
export async function untilStoreHas(node: Node, images: readonly TestImage[]): Promise<void> {
  const { blobs, layers } = neededOfImages(images);
  // Some are made by the first image that is complete.
  const inStore = (dir: string): readonly string[] => {
    const path = join(node.root, dir);
    return existsSync(path) ? readdirSync(path).toSorted() : [];
  };
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
