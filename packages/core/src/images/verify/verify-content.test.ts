import { deepEqual, equal } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { type Digest, digestOf } from "@crib/oci-spec";

import { fakeImage } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const shared = Buffer.from("shared layer");
const lost = Buffer.from("layer that is lost");
const one = fakeImage([shared, lost]);
const two = fakeImage([shared, "fine"]);

async function verdicts(node: ImageFixture, repair = false): Promise<ReadonlyMap<Digest, readonly [string, number]>> {
  const found = new Map<Digest, readonly [string, number]>();
  for await (const { digest, state, images } of node.images.verify(new AbortController().signal, { repair })) {
    found.set(digest, [state, images.length]);
  }
  return found;
}

test("what is damaged or missing is told with the images that need it, repaired by the next pull", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("one", one);
  node.registry.tag("two", two);
  await node.pull("one");
  await node.pull("two");
  equal(
    [...(await verdicts(node)).values()].every(([state]) => state === "sound"),
    true,
  );

  await writeFile((await node.content.find(digestOf(shared)))?.path ?? "", "damaged byte");
  await node.content.delete(digestOf(lost));
  const found = await verdicts(node);
  deepEqual(found.get(digestOf(shared)), ["damaged", 2]);
  deepEqual(found.get(digestOf(lost)), ["missing", 1]);
  deepEqual(found.get(one.id), ["sound", 1]);
  equal(found.size, 7);

  await verdicts(node, true);
  equal(await node.content.find(digestOf(shared)), undefined);
  node.unpacker.unpacked.length = 0;
  await node.pull("one");
  equal(
    [...(await verdicts(node)).values()].every(([state]) => state === "sound"),
    true,
  );
  deepEqual(node.unpacker.unpacked, [], "the layers were sound all along");
});

test("documents that were damaged are fetched again", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("one", one);
  await node.pull("one");
  for (const digest of [one.id, one.manifest.digest]) {
    await writeFile((await node.content.find(digest))?.path ?? "", "damaged");
  }
  await verdicts(node, true);
  await node.pull("one");
  equal((await node.images.config(one.id)).user, "1000");
});
