import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import { fakeImage, fakeIndex, stall } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const base = Buffer.from("a base layer of some bytes");
const image = fakeImage([base, "top layer"]);
const index = fakeIndex(image.manifest);

/** Leaves the rows of a pull as a daemon does that is killed when its layers are recorded. */
async function dieInPull(node: ImageFixture): Promise<void> {
  node.registry.tag("busybox", image, index);
  await node.close();
  const never = { schedule: (): void => {}, cancel: (): void => {}, stop: (): void => {} };
  const faults = "PullImage/layers.commit@after=fail*1;PullImage/layers.unpack!undo@before=fail*1";
  await node.start({ faults, retries: never });
  await node.images.recover();
  await rejects(node.pull("busybox"));
  equal(node.rows("pulls").length, 1);
  equal(node.snapshots.list().length, 2);
}

test("a pull that a dead daemon left is undone, and the next one takes up what it had", async (t) => {
  const node = await ImageFixture.open(t);
  await dieInPull(node);
  await node.restart();
  equal(node.rows("pulls").length, 0);
  node.registry.requests.length = 0;
  await node.pull("busybox");
  deepEqual(
    node.registry.requests.filter((request) => request.startsWith("blob")),
    [],
  );
  equal(node.unpacker.syncs, 1, "layers that the dead daemon had not synced are synced now");
});

test("after a reboot, layers that were not synced are unpacked again", async (t) => {
  const node = await ImageFixture.open(t);
  await dieInPull(node);
  node.unpacker.unpacked.length = 0;
  await node.restart({ bootId: "another boot" });
  deepEqual(node.snapshots.list(), []);
  await node.pull("busybox");
  equal(node.unpacker.unpacked.length, 2);
});

test("pulls wait until recovery has cleared the way, lists answer at once", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  await node.pull("busybox");
  await node.close();
  await node.start();
  equal(node.images.list().length, 1);
  let isPulled = false;
  const pulling = node.pull("busybox").then(() => (isPulled = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(isPulled, false);
  await node.images.recover();
  await pulling;
});

test("an unreadable database is rebuilt from the copies, without the images that were removed", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  node.registry.tag("gone", fakeImage(["gone"]));
  const before = await node.pull("busybox");
  await node.pull("gone");
  await node.images.remove("gone");
  await node.close();
  await writeFile(join(node.rootDir, "metadata.db"), Buffer.alloc(8_192, "x"));
  await node.start();
  ok(node.database.setAside);
  await node.images.recover();
  deepEqual(node.images.list(), [before]);
  await node.images.collectGarbage(t.signal);
  deepEqual(await node.counts(), { blobs: 5, partials: 0, layers: 2, directories: 2, pulls: 0 });
});

test("layers that were lost are unpacked again from the store", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  const before = await node.pull("busybox");
  await node.close();
  node.snapshots.rows.clear();
  node.registry.requests.length = 0;
  await node.start();
  await node.images.recover();
  while (!node.snapshots.find(before.layers[1]?.chainId ?? "")) await new Promise((resolve) => setTimeout(resolve, 5));
  while (node.rows("pulls").length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const { runs: _runs, ...after } = node.images.find("busybox") ?? before;
  const { runs: _before, ...same } = before;
  deepEqual(after, same);
  deepEqual(node.registry.requests, []);
});

test("an image that cannot be made whole from the store is given up, so that it is pulled again", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  await node.pull("busybox");
  await node.close();
  node.snapshots.rows.clear();
  await node.start();
  await node.content.delete(digestOf(base));
  await node.images.recover();
  while (node.images.find("busybox")) await new Promise((resolve) => setTimeout(resolve, 5));
  ok(node.warnings.some((warning) => warning.includes("cannot be made whole")));
  equal((await node.pull("busybox")).id, image.id);
});

test("a bad row comes back from its copy, and without one goes to the quarantine", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  const before = await node.pull("busybox");
  node.database.sqlite.exec("UPDATE images SET record = replace(record, '\"ready\"', '\"raedy\"')");
  await node.restart();
  deepEqual(node.images.list(), [before]);

  node.database.sqlite.exec("UPDATE images SET record = substr(record, 1, 100)");
  await node.close();
  const [folder = ""] = await readdir(join(node.rootDir, "images"));
  await truncate(join(node.rootDir, "images", folder, "record.json"), 50);
  await node.start();
  await node.images.recover();
  deepEqual(node.images.list(), []);
  equal(node.rows("quarantine").length, 2);
  await node.pull("busybox");
  equal(node.images.list().length, 1);
});

test("copies that are missing are written again, rows that are lost come back from theirs", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  await node.pull("busybox");
  const dir = join(node.rootDir, "images");
  const [folder = ""] = await readdir(dir);
  await rm(join(dir, folder), { recursive: true });
  await node.restart();
  deepEqual(await readdir(dir), [folder]);
  const before = node.images.list();
  node.database.sqlite.exec("DELETE FROM images");
  await node.restart();
  deepEqual(node.images.list(), before);
  await node.images.remove("busybox");
  await node.restart();
  deepEqual(node.images.list(), []);
  deepEqual(await readdir(dir), []);
  deepEqual(node.rows("image_names"), []);
});

test("closing undoes what runs, and nothing begins after it", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  const begun = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(base), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 4);
      begun.resolve();
      await stall(signal);
    })(),
  }));
  const pulling = node.pull("busybox");
  const failed = rejects(pulling, { code: Code.Unavailable, message: /shutting down/ });
  await begun.promise;
  await node.images.close();
  await failed;
  await rejects(node.pull("busybox"), { code: Code.Unavailable });
  const { partials, directories, pulls } = await node.counts();
  ok(partials > 0);
  deepEqual({ pulls, directories }, { pulls: 0, directories: 0 });
});

test("a table of the right name with other columns is put aside like an unreadable database", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image, index);
  const before = await node.pull("busybox");
  node.database.sqlite.exec("DROP TABLE image_names; CREATE TABLE image_names (x TEXT) STRICT");
  await node.restart();
  ok(node.database.setAside);
  deepEqual(node.images.list(), [before]);
});
