import { ok } from "node:assert/strict";

import { bombLayer } from "./bombs.ts";
import type { ImageNode } from "./image-node.ts";
import { testImage } from "./image.ts";
import { watchPeakMemory } from "./peak-memory.ts";

/** MiB that the daemon may grow by, however large the layers become. */
const growthMib = 64;

/** Pulls an image of two layers that are a thousandth of the `mebibytes` that each unpacks to, and removes it. Gives by how many MiB the daemon grew. */
export async function pullBombs(target: ImageNode, mebibytes: number, compression: "gzip" | "zstd"): Promise<number> {
  const memory = watchPeakMemory(target.node.daemon.pid);
  const id = await target.pull(testImage([1, 2].map((layer) => bombLayer(`zeros${layer}`, mebibytes, compression))));
  const growth = memory.growth();
  ok(growth < growthMib, `the daemon grew by ${growth.toFixed(1)} MiB`);
  await target.images.remove(id);
  target.expectUnharmed();
  return growth;
}
