import { deepEqual, ok } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { badHeaders, badSparseFiles, noArchives, oddHeaders } from "../support/images/hostile-headers.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { layerOfBlob, sha256, testLayer } from "../support/images/layer.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { expectLayerRefused, pullGoodImage, warmUp } from "../support/images/refusals.ts";
import { tarArchive } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

/** One after the other, on one node. */
const parts: Readonly<Record<string, (t: TestContext, target: ImageNode) => Promise<void>>> = {
  // CVE-2026-59873, CVE-2026-59874, CVE-2026-59875, GHSA-697p-8837-37h3, GHSA-g3rx-2m58-rr63
  "headers that lie are refused": async (t, target) => {
    for (const { name, parts } of badHeaders) {
      await t.test(name, async () => {
        await expectLayerRefused(target, testLayer(parts), { withinMs: 1_000, growthMib: 32 });
      });
    }
    await pullGoodImage(target);
    deepEqual(await target.images.list(), []);
  },

  "headers that are only odd cost nothing": async (t, target) => {
    for (const { name, parts } of oddHeaders) {
      await t.test(name, async () => {
        const memory = watchPeakMemory(target.node.daemon.pid);
        await target.pull(testImage([testLayer(parts)]));
        ok(memory.growth() < 16, `the daemon grew by ${memory.growth().toFixed(1)} MiB`);
        target.expectUnharmed();
      });
    }
  },

  // CVE-2025-58183
  "sparse files that announce too much are refused": async (t, target) => {
    for (const { name, parts } of badSparseFiles) {
      await t.test(name, async () => {
        await expectLayerRefused(target, testLayer(parts), { withinMs: 1_000, growthMib: 16 });
      });
    }
    await pullGoodImage(target);
  },

  // CVE-2021-20291
  "what is no archive is refused and holds up nothing": async (t, target) => {
    const archive = tarArchive(Array.from({ length: 500 }, (_, file) => ({ name: `f${file}`, content: `${file}` })));
    const gzip = gzipSync(archive);
    const zstd = zstdCompressSync(archive);
    const flipped = Buffer.from(gzip);
    flipped[flipped.length >> 1] = ~(flipped[flipped.length >> 1] ?? 0) & 0xff;
    const cases = [
      ...noArchives().map(([name, blob]) => [name, blob, "gzip"] as const),
      ...noArchives().map(([name, blob]) => [`${name}, as zstd`, blob, "zstd"] as const),
      ["gzip that ends early", gzip.subarray(0, gzip.length - 20), "gzip"],
      ["gzip without its check", gzip.subarray(0, gzip.length - 8), "gzip"],
      ["gzip with a wrong bit", flipped, "gzip"],
      ["gzip with something behind it", Buffer.concat([gzip, Buffer.from("behind")]), "gzip"],
      ["zstd that ends early", zstd.subarray(0, zstd.length - 20), "zstd"],
      ["archive that ends in a header", archive.subarray(0, 512 * 3 + 100), "none"],
    ] as const;
    for (const [name, blob, compression] of cases) {
      await t.test(name, async () => {
        const layer = layerOfBlob(blob, sha256(archive), compression);
        await expectLayerRefused(target, layer, { withinMs: 2_000, growthMib: 32 });
        await pullGoodImage(target);
      });
    }
  },
};

test("hostile headers of layers", needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  for (const [name, run] of Object.entries(parts)) await t.test(name, (t) => run(t, target));
});
