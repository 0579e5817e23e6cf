import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import type { Snapshots } from "../../snapshots/types.ts";
import type { PullRecord } from "../pull/types.ts";
import { fakeImage, slices, stall } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";
import { AbandonedClaims } from "./abandoned-claims.ts";

const base = Buffer.from("a base layer that is shared");
const image = fakeImage([base, "top layer"]);
const nothing = { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 };

test("what nothing leads to goes, what an image leads to stays, and a second collection finds nothing", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  await node.content.write(digestOf(Buffer.from("stray")), Buffer.from("stray"));
  const stray = await node.snapshots.createLayerDirectory();
  node.snapshots.commitLayer(stray, digestOf("stray"), undefined, { bytes: 1, inodes: 1 });
  node.snapshots.commitLayer(await node.snapshots.createLayerDirectory(), digestOf("child"), digestOf("stray"), {
    bytes: 1,
    inodes: 1,
  });
  await node.snapshots.createLayerDirectory();
  node.snapshots.restart();
  deepEqual(await node.images.collectGarbage(t.signal), { blobs: 1, bytes: 5, snapshots: 2, partials: 0 });
  deepEqual(await node.counts(), { blobs: 4, partials: 0, layers: 2, directories: 2, pulls: 0 });
  deepEqual(await node.images.collectGarbage(t.signal), { blobs: 0, bytes: 0, snapshots: 0, partials: 0 });
});

test("layers that a container stands on stay until it is gone", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  const { snapshot } = node.images.prepareSnapshot("busybox", { key: "c1", kind: "active", owner: "c1" });
  equal(snapshot.parent, node.images.find("busybox")?.layers.at(-1)?.chainId);
  await node.images.remove("busybox");
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  const { blobs, layers } = await node.counts();
  deepEqual([blobs, layers], [0, 3]);
  await node.snapshots.remove("c1");
  await node.images.collectGarbage(t.signal);
  deepEqual(await node.counts(), nothing);
  await rejects(async () => node.images.prepareSnapshot("busybox", { key: "c2", kind: "active", owner: "c2" }), {
    code: Code.NotFound,
  });
});

test("a layer that cannot be removed yet keeps nothing else, and is tried again", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  await node.content.write(digestOf(Buffer.from("stray")), Buffer.from("stray"));
  const stray = await node.snapshots.createLayerDirectory();
  node.snapshots.commitLayer(stray, digestOf("stray"), undefined, { bytes: 1, inodes: 1 });
  const remove = node.snapshots.remove.bind(node.snapshots);
  let tries = 0;
  node.snapshots.remove = async (key) => {
    if (++tries <= 3) throw new StatusError(Code.ResourceExhausted, "the disk is full");
    await remove(key);
  };
  await rejects(node.images.collectGarbage(t.signal), { code: Code.ResourceExhausted });
  const { blobs, layers } = await node.counts();
  deepEqual([blobs, layers], [4, 3]);
  node.images.collectSoon();
  while ((await node.counts()).layers > 2) await new Promise((resolve) => setTimeout(resolve, 5));
  equal(tries, 4);
  equal(node.warnings.length, 2);
});

test("a layer that has begun to go when the daemon ends goes, and the next one stays whole", async (t) => {
  const node = await ImageFixture.open(t);
  for (const name of ["one", "two"]) {
    node.snapshots.commitLayer(await node.snapshots.createLayerDirectory(), digestOf(name), undefined, {
      bytes: 1,
      inodes: 1,
    });
  }
  const snapshots: Snapshots = node.snapshots;
  const remove = snapshots.remove.bind(snapshots);
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  snapshots.remove = async (key, signal) => {
    begun.resolve();
    await gate.promise;
    signal.throwIfAborted();
    await remove(key, signal);
  };
  const collection = rejects(node.images.collectGarbage(t.signal));
  await begun.promise;
  const closed = node.images.close();
  // Nobody waits for it any more.
  await collection;
  gate.resolve();
  await closed;
  const { layers, directories } = await node.counts();
  deepEqual([layers, directories], [1, 1]);
});

test("a collection beside a running pull takes nothing of it", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  const half = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(base), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 10);
      half.resolve();
      await gate.promise;
      yield* slices(bytes.subarray(10), 4, signal);
    })(),
  }));
  const pulling = node.pull("busybox");
  await half.promise;
  const { blobs, partials } = await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual([blobs, partials], [0, 0]);
  gate.resolve();
  await pulling;
  equal(node.registry.fetches(base), 1);
});

test("what a failed pull had is kept for its next try, then goes", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  const leave = new AbortController();
  const half = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(base), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 10);
      half.resolve();
      await stall(signal);
    })(),
  }));
  const failed = rejects(node.pull("busybox", {}, leave.signal));
  await half.promise;
  while ((await node.counts()).blobs === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  leave.abort();
  await failed;
  // Nobody waited for the transfer to let go of it.
  while ((await node.counts()).partials === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await node.images.collectGarbage(t.signal);
  const kept = await node.counts();
  ok(kept.partials > 0 && kept.blobs > 0);
  await node.restart({ keepPartialMs: 0 });
  await node.images.collectGarbage(t.signal);
  deepEqual(await node.counts(), nothing);
});

test("what failed pulls had is forgotten when its time is over, or when another try has succeeded", async () => {
  const row = (id: string): PullRecord => ({
    version: 1,
    id,
    state: "pulling",
    createdAt: "",
    bootId: "",
    plan: {
      reference: id,
      repositories: [],
      tags: [],
      handler: "",
      platform: { os: "linux", architecture: "", variant: "" },
      pinned: false,
    },
    facts: { config: { digest: digestOf(id), size: 1 } },
    runs: [],
  });
  const short = new AbandonedClaims(20);
  short.add(row("a"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  deepEqual(short.list(), []);
  const long = new AbandonedClaims(60_000);
  for (const id of ["a", "b", "c"]) long.add(row(id));
  long.fulfil(digestOf("x"), "a", []);
  long.fulfil(digestOf("b"), "another name", [row("d"), row("b")]);
  deepEqual(long.list(), [row("c").facts]);
  deepEqual(
    ["b", "c", "d"].map((id) => long.isGivenUp(id)),
    [true, false, false],
  );
});

test("pulls, removals and collections at the same time end in a store that is whole", async (t) => {
  const node = await ImageFixture.open(t);
  const images = Array.from({ length: 4 }, (_, index) => fakeImage([base, `second ${index % 2}`, `top ${index}`]));
  for (const [index, each] of images.entries()) node.registry.tag(`image-${index}`, each);
  const stop = AbortSignal.timeout(700);
  const forever = async (work: () => Promise<unknown>): Promise<void> => {
    while (!stop.aborted) await work();
  };
  await Promise.all([
    ...images.flatMap((_, index) => [
      forever(() => node.pull(`image-${index}`)),
      forever(async () => {
        await new Promise((resolve) => setTimeout(resolve, 7 + index));
        await node.images.remove(`image-${index}`);
      }),
    ]),
    forever(() => node.images.collectGarbage(t.signal, { abandonedToo: true })),
  ]);
  for (const index of images.keys()) await node.pull(`image-${index}`);
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await node.counts(), { blobs: 4 * 2 + 1 + 2 + 4, partials: 0, layers: 7, directories: 7, pulls: 0 });
  for await (const { state } of node.images.verify(t.signal)) equal(state, "sound");
});

test("what a failed pull had is no longer kept for it once another try has succeeded", async (t) => {
  const node = await ImageFixture.open(t, { faults: "PullImage/disk.sync@after=fail*1" });
  node.registry.tag("busybox", image);
  await rejects(node.pull("busybox"));
  await node.pull("busybox");
  await node.images.remove("busybox");
  deepEqual(await node.counts(), nothing);
});
