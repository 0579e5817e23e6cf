import { equal, ok } from "node:assert/strict";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { hostileLinks } from "../support/images/hostile-links.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Pulls an image of these layers; "refused" is as good, but only for what the layer is. */
async function pullOrRefuse(target: ImageNode, ...layers: (readonly TarEntry[])[]): Promise<string | undefined> {
  try {
    return await target.pull(testImage(layers.map((entries) => testLayer(entries))));
  } catch (reason) {
    ok(reason instanceof StatusError && reason.code === Code.InvalidArgument, String(reason));
    return undefined;
  }
}

/** One after the other, on one node. */
const parts: Readonly<Record<string, (t: TestContext, target: ImageNode) => Promise<void>>> = {
  // CVE-2021-32760, CVE-2026-17106, CVE-2026-23745, CVE-2026-26960, CVE-2021-32803
  "links in layers lead nowhere out of the layer": async (t, target) => {
    const corpus = hostileLinks(target.canary);
    ok(corpus.length >= 60);
    let pulled = 0;
    for (const { name, entries } of corpus) {
      await t.test(name, async () => {
        if ((await pullOrRefuse(target, entries)) !== undefined) pulled++;
        target.expectUnharmed();
      });
      await t.test(`${name}, in a layer above`, async () => {
        // The way is in one layer, what goes through it in the next.
        await pullOrRefuse(target, entries.slice(0, -1), entries.slice(-1));
        target.expectUnharmed();
      });
    }
    ok(pulled > 0, "each and every one was refused: this shows nothing of what is unpacked");
  },

  "an entry takes the place of a link and does not go through it": async (_, target) => {
    const { canary, node } = target;
    const id = await target.pull(
      testImage([
        testLayer([
          { name: "a", type: "symlink", linkname: canary.file },
          { name: "a", mode: 0o4777, content: "inside" },
        ]),
      ]),
    );
    await withMountedImage(node, id, async (dir) => {
      equal(readFileSync(join(dir, "a"), "utf8"), "inside");
      equal(lstatSync(join(dir, "a")).mode, 0o104777);
    });
    target.expectUnharmed();
  },

  "a directory that was one is looked at again, by its bytes": async (t, target) => {
    const { subdir } = target.canary;
    const names: readonly (readonly [string, string])[] = [
      ["d", "d"],
      ["\u00e9", "\u00e9"],
      ["\u00e9", "e\u0301"],
      ["e\u0301", "\u00e9"],
      ["\ufb01", "fi"],
      ["\u00df", "ss"],
      ["D", "d"],
    ];
    for (const [first, second] of names) {
      await t.test(`${JSON.stringify(first)}, then ${JSON.stringify(second)}`, async () => {
        const entries: readonly TarEntry[] = [
          { name: first, type: "directory" },
          { name: `${first}/before`, content: "x" },
          { name: second, type: "symlink", linkname: subdir },
          { name: `${second}/victim`, content: "harmed" },
          { name: `${first}/victim`, content: "harmed" },
        ];
        await pullOrRefuse(target, entries);
        target.expectUnharmed();
      });
    }
  },

  "a removed image takes nothing with it that its links lead to": async (_, target) => {
    const { dir, subdir } = target.canary;
    const id = await target.pull(
      testImage([
        testLayer([
          { name: "a", type: "symlink", linkname: dir },
          { name: "deep/er", type: "symlink", linkname: subdir },
          { name: "deep/up", type: "symlink", linkname: `${"../".repeat(24)}${subdir}` },
        ]),
      ]),
    );
    await target.images.remove(id);
    equal(await target.images.status(id), undefined);
    target.expectUnharmed();
  },
};

test("hostile links of layers", needsRoot, async (t) => {
  const target = await startImageNode(t);
  for (const [name, run] of Object.entries(parts)) await t.test(name, (t) => run(t, target));
});
