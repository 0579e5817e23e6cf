import { deepEqual, equal, ok } from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { fakeImage } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const rounds = 150;

test("whatever becomes of the database, images are served as they were or not at all", async (t) => {
  const node = await ImageFixture.open(t);
  for (const name of ["one", "two", "three"]) {
    node.registry.tag(name, fakeImage(["base", name]));
    node.registry.tag(`${name}:other`, fakeImage(["base", name]));
    await node.pull(name);
    await node.pull(`${name}:other`);
  }
  node.registry.tag("gone", fakeImage(["gone"]));
  await node.pull("gone");
  await node.images.remove("gone");
  const before = node.images.list();
  equal(before.length, 3);
  await node.close();
  const path = join(node.rootDir, "metadata.db");
  const bytes = await readFile(path);
  let state = 12_345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let setAside = 0;
  for (let round = 0; round < rounds; round++) {
    const mutated = Buffer.from(bytes);
    for (let flips = random(20); flips >= 0; flips--) {
      const at = random(mutated.length);
      mutated[at] = (mutated[at] ?? 0) ^ (1 << random(8));
    }
    for (const suffix of ["-wal", "-shm"]) await rm(path + suffix, { force: true });
    await writeFile(path, mutated);
    await node.start();
    if (node.database.setAside !== undefined) {
      setAside++;
      await rm(node.database.setAside, { force: true });
    }
    const byId = new Map(node.images.list().map((image) => [image.id, image]));
    deepEqual(
      before.map(({ id }) => byId.get(id)),
      before,
      `round ${round}`,
    );
    equal(byId.size, before.length);
    await node.close();
  }
  ok(setAside > 0 && setAside < rounds, `${setAside} of ${rounds} were put aside`);
  await node.start();
});
