import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { flip, serveWith } from "@crib/registry/testing";

import { startImageNode } from "../support/images/image-node.ts";
import { imageArchitecture, testImage, type TestImage, testIndex } from "../support/images/image.ts";
import { type TestLayer, testLayer } from "../support/images/layer.ts";
import { expectRefused, pullGoodImage } from "../support/images/refusals.ts";
import { needsRoot } from "../support/needs-root.ts";

const bounds = { withinMs: 5_000, growthMib: 32 };

type Json = Readonly<Record<string, unknown>>;

/** An image that shares nothing with another one: what is in the store is not fetched again. */
function makeImage(mark: string): { readonly big: TestLayer; readonly own: TestImage; readonly index: TestImage } {
  const big = testLayer([{ name: "big", content: Buffer.alloc(300_000, `${mark} `) }], "none");
  const own = testImage([big]);
  const index = testIndex([{ image: own, platform: { os: "linux", architecture: imageArchitecture() } }]);
  return { big, own, index };
}

// CVE-2026-111361
test("nothing is taken for what it is not, at no hop", needsRoot, async (t) => {
  const target = await startImageNode(t, { registry: { tries: 2 } });
  const { registry, images } = target;
  const { big, own, index } = makeImage("first");
  const hops: readonly (readonly [string, string])[] = [
    ["index", index.top.digest],
    ["manifest", own.top.digest],
    ["configuration", own.id],
    ["layer", big.digest],
  ];
  for (const [hop, digest] of hops) {
    await t.test(hop, async () => {
      const name = target.serve(index);
      const byDigest = name.replace(/:t$/, `@${index.top.digest}`);
      registry.script(
        { path: digest },
        serveWith(({ content }) => ({ bytes: flip(content?.bytes ?? Buffer.alloc(1)) })),
      );
      await expectRefused(target, () => images.pull(byDigest), bounds);
      deepEqual(await images.list(), []);
      for (const id of [own.id, byDigest, name]) equal(await images.status(id), undefined);
      registry.reset();
      equal(await images.pull(byDigest), own.id);
      await images.remove(own.id);
    });
  }
  await t.test("second half of a layer, resumed", async () => {
    const { big, own, index } = makeImage("resumed");
    const name = target.serve(index);
    registry.script({ path: big.digest, times: 1 }, serveWith({ stopAfter: 150_000 }));
    registry.script(
      { path: big.digest },
      serveWith(({ content }) => {
        const bytes = Buffer.from(content?.bytes ?? Buffer.alloc(1));
        bytes.fill("z", 200_000);
        return { bytes };
      }),
    );
    await expectRefused(target, () => images.pull(name), bounds);
    deepEqual(await images.list(), []);
    registry.reset();
    equal(await images.pull(name), own.id);
    await images.remove(own.id);
  });
  await t.test("a layer that is not what the configuration says", async () => {
    const other = testLayer([{ name: "other" }]);
    const lie = testImage([{ ...makeImage("lie").big, diffId: other.diffId }]);
    await expectRefused(target, () => target.pull(lie), bounds);
    deepEqual(await images.list(), []);
  });
  await t.test("sizes that are not the real ones", async () => {
    for (const change of [-1, 1, 1 << 20]) {
      const { big } = makeImage(`size ${change}`);
      const image = testImage([big], {
        changeManifest: (json) => ({
          ...json,
          layers: [{ ...(json["layers"] as Json[])[0], size: big.blob.length + change }],
        }),
      });
      await expectRefused(target, () => target.pull(image), bounds);
    }
  });
  await pullGoodImage(target);
});
