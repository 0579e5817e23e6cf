import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { Images } from "@crib/wire/admin";

import { eventually } from "../support/eventually.ts";
import { bombLayer } from "../support/images/bombs.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { pullGoodImage } from "../support/images/refusals.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";

const mebibyte = 1 << 20;

/** Gives a node a root directory on a file system so small that an image can fill it. */
async function startOnSmallDisk(t: TestContext, options: string): Promise<ImageNode> {
  const target = await startImageNode(t);
  const { node } = target;
  await node.kill();
  rmSync(node.root, { recursive: true });
  mkdirSync(node.root, { mode: 0o700 });
  await runProgram(["mount", "-t", "tmpfs", "-o", options, "tmpfs", node.root]);
  await node.restart();
  return target;
}

async function leaveDisk({ node }: ImageNode): Promise<void> {
  await node.kill();
  await runProgram(["umount", node.root]);
  await node.restart();
}

test("an image that the disk cannot hold fails, leaves nothing, and smaller ones go on", needsRoot, async (t) => {
  const target = await startOnSmallDisk(t, "size=48m,mode=0700");
  const { node, images } = target;
  const kept = await target.pull(testImage([testLayer([{ name: "kept" }])]));
  const free = (): number => statfsSync(node.root).bavail * statfsSync(node.root).bsize;
  const before = free();
  const small = testLayer([{ name: "small", content: "x".repeat(100_000) }]);
  const tooLarge = {
    "the blob": [small, testLayer([{ name: "f", content: Buffer.alloc(60 * mebibyte, "noise") }], "none")],
    "the tree": [small, bombLayer("zeros", 200)],
    "blob and tree together": [
      small,
      testLayer([{ name: "f", content: Buffer.alloc(30 * mebibyte, "other") }], "none"),
    ],
  };
  for (const [what, layers] of Object.entries(tooLarge)) {
    await t.test(what, async () => {
      await rejects(target.pull(testImage(layers)), { code: Code.ResourceExhausted });
      // There is room again without a restart, without asking for it.
      await eventually(5_000, () => ok(free() > before - mebibyte, `${before} bytes were free, now ${free()}`));
      await pullGoodImage(target);
      deepEqual(
        (await images.list()).map(({ id }) => id),
        [kept],
      );
      deepEqual(await unsoundBlobs(node), []);
      deepEqual(await node.leaks(), []);
    });
  }
  await images.remove(kept);
  await node.cri.service(Images).collect({ abandonedToo: true });
  deepEqual(storeContents(node), []);
  await leaveDisk(target);
});

test("an image of more files than the disk has inodes for fails and leaves nothing", needsRoot, async (t) => {
  const target = await startOnSmallDisk(t, "nr_inodes=2000,mode=0700");
  const { node } = target;
  const before = statfsSync(node.root).ffree;
  const entries = Array.from({ length: 3_000 }, (_, file) => ({ name: `d${file % 50}/f${file}` }));
  for (let time = 0; time < 3; time++) {
    await rejects(target.pull(testImage([testLayer([{ name: `${time}` }, ...entries])])), {
      code: Code.ResourceExhausted,
    });
    await eventually(5_000, () => ok(statfsSync(node.root).ffree > before - 50));
  }
  await pullGoodImage(target);
  equal((await target.images.list()).length, 0);
  deepEqual(await node.leaks(), []);
  await leaveDisk(target);
});
