import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { needsDisks } from "../support/disks/needs-disks.ts";
import { moveToDisk, type RootDisk, type RootDiskOptions } from "../support/disks/root-disk.ts";
import { eventually } from "../support/eventually.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage, type TestImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { storeContents } from "../support/images/store-state.ts";
import { runCrib } from "../support/run-crib.ts";

const megabyte = 1 << 20;
const blockBytes = 4_096;

const kept = testImage([testLayer([{ name: "kept", content: "kept" }])]);

interface Stage {
  readonly target: ImageNode;
  readonly disk: RootDisk;
  /** Name of an image that was there before the disk became full. */
  readonly keptName: string;
  /** What the store had then. */
  readonly before: readonly string[];
}

async function setStage(t: TestContext, options?: RootDiskOptions): Promise<Stage> {
  const target = await startImageNode(t);
  const disk = await moveToDisk(t, target.node, options);
  const keptName = target.serve(kept);
  await target.images.pull(keptName);
  return { target, disk, keptName, before: storeContents(target.node) };
}

function isFull(reason: unknown): true {
  const { code, message } = StatusError.from(reason);
  equal(code, Code.ResourceExhausted, message);
  return true;
}

/** The image of the beginning and these are there, and can be used. */
async function expectOnly(
  { target: { node, images }, keptName }: Stage,
  ...others: readonly TestImage[]
): Promise<void> {
  const ids = (await images.list()).map(({ id }) => id);
  deepEqual(ids.toSorted(), [kept, ...others].map(({ id }) => id).toSorted());
  const tree = await withMountedImage(node, keptName, listTree);
  ok(
    tree.some((line) => line.startsWith("./kept ")),
    tree.join("\n"),
  );
  deepEqual(await node.leaks(), []);
}

/** What failed pulls had is gone from the store. */
async function untilCollected({ target, before }: Stage): Promise<void> {
  await eventually(10_000, () => deepEqual(storeContents(target.node), before));
}

/** Pulls an image that there is no room for, several times; then makes room, pulls it, and removes it. */
async function expectNoRoomAtFirst(stage: Stage, image: TestImage, leftBytes: number): Promise<void> {
  const { target, disk } = stage;
  const { images, node } = target;
  const name = target.serve(image);
  await disk.leave(leftBytes);
  for (let time = 0; time < 3; time++) {
    await rejects(images.pull(name), isFull);
    await untilCollected(stage);
    // Only the journal of the database has grown.
    ok(disk.freeBytes() > leftBytes - megabyte / 2, `${disk.freeBytes()} of ${leftBytes} bytes are left`);
  }
  await expectOnly(stage);
  disk.giveBack();
  equal(await images.pull(name), image.id);
  await expectOnly(stage, image);
  const { exitCode, stdout } = await runCrib(node, "image", "verify");
  equal(exitCode, 0, stdout);
  await images.remove(name);
}

/** Pulls an image again and again, each time with one block more; gives what the failures said. */
async function pullBlockByBlock(stage: Stage, image: TestImage): Promise<ReadonlyMap<string, number>> {
  const { target, disk } = stage;
  const name = target.serve(image);
  const failures = new Map<string, number>();
  for (let blocks = 0, successes = 0; successes < 3; blocks++) {
    ok(blocks < 200, "there is never room enough");
    await disk.leave(blocks * blockBytes);
    const failure = await target.images.pull(name).then(
      () => undefined,
      (reason: unknown) => StatusError.from(reason),
    );
    if (failure) isFull(failure);
    else successes++;
    await expectOnly(stage, ...(failure ? [] : [image]));
    // Even to record that a pull has ended there may be no room.
    disk.giveBack();
    await target.images.remove(name);
    await untilCollected(stage);
    const what = failure?.message.replace(/^pulling image "[^"]*": /, "").replaceAll(/[0-9a-f]{32,}|\d+/g, "N");
    failures.set(what ?? "none", (failures.get(what ?? "none") ?? 0) + 1);
  }
  return failures;
}

test("a disk without room", needsDisks, async (t) => {
  const stage = await setStage(t);
  const { target, disk } = stage;
  const { node, images } = target;
  const { pid } = node.daemon;
  const incompressible = { name: "big", content: randomBytes(6 * megabyte) };

  await t.test("for a blob", () =>
    expectNoRoomAtFirst(stage, testImage([testLayer([incompressible], "none")]), 3 * megabyte),
  );

  await t.test("for a blob and what is in it", () =>
    expectNoRoomAtFirst(stage, testImage([testLayer([incompressible])]), 9 * megabyte),
  );

  await t.test("for what is in a blob", () => {
    const image = testImage([testLayer([{ name: "big", content: Buffer.alloc(6 * megabyte, "x") }])]);
    return expectNoRoomAtFirst(stage, image, 3 * megabyte);
  });

  await t.test("for any one of the files and records of an image", async (t) => {
    const image = testImage([
      testLayer([
        { name: "a/", type: "directory" },
        { name: "a/one", content: "one" },
      ]),
      testLayer([{ name: "a/two", content: randomBytes(20_000) }]),
      testLayer([{ name: "three", type: "link", linkname: "a/one" }], "none"),
    ]);
    const failures = await pullBlockByBlock(stage, image);
    for (const [what, times] of failures) t.diagnostic(`${times} times: ${what}`);
    ok(failures.size >= 4, "the disk was full at too few points");
  });

  await t.test("gets it back by the removal of an image, however little is left", async () => {
    for (let blocks = 0; blocks < 24; blocks++) {
      // What the daemon keeps for this moment it takes in the background.
      await eventually(30_000, () => ok(existsSync(join(node.root, "metadata.db.reserve"))));
      await disk.leave(blocks * blockBytes);
      await images.remove(stage.keptName);
      deepEqual(await images.list(), []);
      deepEqual(storeContents(node), []);
      disk.giveBack();
      equal(await images.pull(stage.keptName), kept.id);
    }
  });
  equal(node.daemon.pid, pid, "the daemon is another one");
  deepEqual(await node.leaks(), []);
});

test("a disk without inodes for the files of an image", needsDisks, async (t) => {
  const stage = await setStage(t, { inodes: 500 });
  const { target, disk } = stage;
  const files = Array.from({ length: disk.freeInodes() }, (_, index) => ({ name: `f${index}` }));
  const name = target.serve(testImage([testLayer(files)]));
  const free: number[] = [];
  for (let time = 0; time < 5; time++) {
    await rejects(target.images.pull(name), isFull);
    await untilCollected(stage);
    free.push(disk.freeInodes());
  }
  deepEqual(
    free.slice(1),
    free.slice(1).map(() => free[0]),
  );
  await expectOnly(stage);
  const fits = testImage([testLayer(files.slice(0, 100))]);
  await target.pull(fits);
  await expectOnly(stage, fits);
  const { exitCode, stdout } = await runCrib(target.node, "image", "verify");
  equal(exitCode, 0, stdout);
});
