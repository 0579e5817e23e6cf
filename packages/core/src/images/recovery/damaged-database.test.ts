import { deepEqual, equal } from "node:assert/strict";
import { copyFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const mutations = 24;

/** Park and Miller's generator: the same mutations in each run. */
function* random(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state;
  }
}

test("whatever happens to the database, the images start, are whole, and can be pulled", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(["base layer", "top layer"]);
  node.registry.tag("busybox", image, fakeIndex(image.manifest));
  await node.pull("busybox");
  await node.close();
  const file = join(node.rootDir, "metadata.db");
  const sound = `${file}.sound`;
  await copyFile(file, sound);
  await cp(join(node.rootDir, "images"), `${sound}.images`, { recursive: true });
  const numbers = random(7);
  const next = (below: number): number => numbers.next().value % below;
  for (let round = 0; round < mutations; round++) {
    const bytes = await readFile(sound);
    if (round % 4 === 0) bytes.fill(0, next(bytes.length), bytes.length);
    else for (let flips = 0; flips < 8; flips++) bytes.writeUInt8(next(256), next(bytes.length));
    for (const suffix of ["-wal", "-shm"]) await rm(file + suffix, { force: true });
    await writeFile(file, round % 7 === 0 ? bytes.subarray(0, next(bytes.length)) : bytes);
    await cp(`${sound}.images`, join(node.rootDir, "images"), { recursive: true, force: true });

    await node.start();
    await node.images.recover();
    for (const { id, layers } of node.images.list()) {
      equal(id, image.id, `round ${round}`);
      equal(layers.length, 2);
    }
    equal((await node.pull("busybox")).id, image.id, `round ${round}`);
    for await (const { state } of node.images.verify(t.signal)) equal(state, "sound");
    deepEqual(node.images.find("busybox")?.repoTags, ["docker.io/library/busybox:latest"]);
    await node.close();
  }
  await node.start();
});
