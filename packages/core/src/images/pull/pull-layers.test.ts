import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import { fakeImage, slices, stall } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";
import type { PullEvent } from "../types.ts";

const layer = Buffer.from("a layer of thirty-two bytes here");

test("layers that come in at the same time are settled and recorded from the lowest one upwards", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage(Array.from({ length: 6 }, (_, index) => `layer ${index} ${"x".repeat(40 - 6 * index)}`));
  node.registry.tag("busybox", image);
  const pulled = await node.pull("busybox");
  deepEqual(
    node.unpacker.settled.map(({ below }) => below.length),
    [0, 1, 2, 3, 4, 5],
  );
  equal(node.snapshots.chain(pulled.layers.at(-1)?.chainId ?? "").length, 6);
});

test("the same blob twice in an image is fetched once and unpacked for each place", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer, "other", layer]));
  await node.pull("busybox");
  equal(node.registry.fetches(layer), 1);
  equal(node.unpacker.unpacked.filter((digest) => digest === digestOf(layer)).length, 2);
  deepEqual(await node.counts(), { blobs: 4, partials: 0, layers: 3, directories: 3, pulls: 0 });
});

test("a layer that two pulls want at the same time is fetched and unpacked once", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("a", fakeImage([layer, "only a"]));
  node.registry.tag("b", fakeImage([layer, "only b"]));
  await Promise.all([node.pull("a"), node.pull("b")]);
  equal(node.registry.fetches(layer), 1);
  equal(node.unpacker.unpacked.filter((digest) => digest === digestOf(layer)).length, 1);
  deepEqual(await node.counts(), { blobs: 7, partials: 0, layers: 3, directories: 3, pulls: 0 });
});

test("when the pull that works on a shared layer is given up, the one that waits goes on where it was", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("a", fakeImage([layer, "only a"]));
  node.registry.tag("b", fakeImage([layer, "only b"]));
  const leave = new AbortController();
  const half = Promise.withResolvers<void>();
  let tries = 0;
  node.registry.answers.set(digestOf(layer), ({ bytes, options, signal }) => ({
    chunks: (async function* () {
      const isFirst = tries++ === 0;
      yield* slices(bytes.subarray(options.offset ?? 0, isFirst ? 16 : bytes.length), 4, signal);
      half.resolve();
      if (isFirst) await stall(signal);
    })(),
  }));
  const first = node.pull("a", {}, leave.signal);
  await half.promise;
  const second = node.pull("b");
  await new Promise((resolve) => setTimeout(resolve, 20));
  leave.abort();
  await rejects(first, { code: Code.Canceled });
  equal((await second).layers.length, 2);
  deepEqual(
    node.registry.requests.filter((request) => request.includes(digestOf(layer))),
    [`blob ${digestOf(layer)} from 0`, `blob ${digestOf(layer)} from 16`],
  );
});

test("a pull that is given up leaves a partial file, and the next one goes on from there", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  const leave = new AbortController();
  node.registry.answers.set(digestOf(layer), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield* slices(bytes.subarray(0, 20), 4, signal);
      leave.abort();
      await stall(signal);
    })(),
  }));
  await rejects(node.pull("busybox", {}, leave.signal), { code: Code.Canceled });
  node.registry.answers.clear();
  await node.pull("busybox");
  equal(node.registry.requests.at(-1), `blob ${digestOf(layer)} from 20`);
  deepEqual(await node.counts(), { blobs: 3, partials: 0, layers: 1, directories: 1, pulls: 0 });
});

test("where no host gives parts of blobs, the partial file is begun again", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  const partial = await node.content.openIngest(digestOf(layer), layer.length);
  await partial.append(Buffer.from("wrong"));
  await partial.close();
  node.registry.answers.set(digestOf(layer), ({ bytes, signal }) => ({ offset: 0, chunks: slices(bytes, 8, signal) }));
  equal((await node.pull("busybox")).layers.length, 1);
});

test("a damaged partial file is fetched whole, from the same host", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  const partial = await node.content.openIngest(digestOf(layer), layer.length);
  await partial.append(Buffer.from("wrong"));
  await partial.close();
  await node.pull("busybox");
  deepEqual(
    node.registry.requests.filter((request) => request.startsWith("blob")),
    [`blob ${digestOf(layer)} from 5`, `blob ${digestOf(layer)} from 0`],
  );
});

test("a blob that comes wrong is fetched once more from elsewhere, then the pull fails", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  const skipped: string[][] = [];
  let isMirrorRight = true;
  node.registry.answers.set(digestOf(layer), ({ bytes, options, signal }) => {
    const skips = [...(options.skipHosts ?? [])];
    skipped.push(skips);
    const isRight = isMirrorRight && skips.includes("bad");
    return {
      source: skips.includes("bad") ? "good" : "bad",
      chunks: slices(isRight ? bytes : Buffer.alloc(bytes.length, "x"), 8, signal),
    };
  });
  await node.pull("busybox");
  deepEqual(skipped, [[], ["bad"]]);

  await node.images.remove("busybox");
  isMirrorRight = false;
  await rejects(node.pull("busybox"), { code: Code.DataLoss, message: /busybox/ });
  equal(node.images.find("busybox"), undefined);
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await node.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
});

test("where one host is all there is, it gets a second chance", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  let tries = 0;
  node.registry.answers.set(digestOf(layer), ({ bytes, signal }) => ({
    chunks: slices(tries++ === 0 ? Buffer.alloc(bytes.length) : bytes, 8, signal),
  }));
  await node.pull("busybox");
  equal(node.registry.fetches(layer), 2);
});

test("a blob of the store that is damaged is fetched again", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  await node.content.write(digestOf(layer), layer);
  await writeFile((await node.content.find(digestOf(layer)))?.path ?? "", Buffer.alloc(layer.length));
  await node.pull("busybox");
  equal(node.registry.fetches(layer), 1);
  equal(await node.content.verify(digestOf(layer), t.signal), true);
});

test("a blob of the store that is cut off is fetched again, a manifest with a wrong size is refused", async (t) => {
  const node = await ImageFixture.open(t);
  for (const bytes of ["", "a layer of"]) {
    await node.content.write(digestOf(layer), Buffer.from(bytes));
    node.registry.tag("busybox", fakeImage([layer]));
    await node.pull("busybox");
    equal(await node.content.verify(digestOf(layer), t.signal), true);
    await node.images.remove("busybox");
  }
  equal(node.registry.fetches(layer), 2);
  // The collection that follows a removal would take what is written next, which no image has.
  await node.images.collectGarbage(t.signal);
  await node.content.write(digestOf(layer), layer);
  const wrong = fakeImage([layer]);
  const document = JSON.parse(wrong.manifest.bytes.toString()) as { layers: { size: number }[] };
  for (const size of [layer.length - 1, layer.length + 1]) {
    const bytes = Buffer.from(
      JSON.stringify({ ...document, layers: document.layers.map((one) => ({ ...one, size })) }),
    );
    node.registry.tag("wrong", { ...wrong, manifest: { ...wrong.manifest, bytes, digest: digestOf(bytes) } });
    await rejects(node.pull("wrong"), { code: Code.InvalidArgument, message: /bytes, the manifest says/ });
    ok(await node.content.find(digestOf(layer)));
  }
});

test("a sound blob of the store is not fetched", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  await node.content.write(digestOf(layer), layer);
  await node.pull("busybox");
  equal(node.registry.fetches(layer), 0);
});

test("an image whose layer is not what its configuration says fails without another try", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage([layer], { rootfs: { diff_ids: [digestOf("something else")] } });
  node.registry.tag("busybox", image);
  await rejects(node.pull("busybox"), { code: Code.DataLoss });
  equal(node.registry.fetches(layer), 1);
});

test("a hostile layer fails the pull of its image and no other", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("bad", fakeImage(["sound", "hostile bytes"]));
  node.registry.tag("good", fakeImage(["sound", "fine"]));
  const [bad, good] = await Promise.allSettled([node.pull("bad"), node.pull("good")]);
  equal(bad.status === "rejected" && (bad.reason as { code: number }).code, Code.InvalidArgument);
  equal(good.status, "fulfilled");
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await node.counts(), { blobs: 4, partials: 0, layers: 2, directories: 2, pulls: 0 });
});

test("a pull that nothing comes for is given up", async (t) => {
  const node = await ImageFixture.open(t, { progressTimeoutMs: 60 });
  node.registry.tag("busybox", fakeImage([layer]));
  node.registry.answers.set(digestOf(layer), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 8);
      await stall(signal);
    })(),
  }));
  await rejects(node.pull("busybox"), { code: Code.DeadlineExceeded, message: /nothing came for 60 ms/ });
  equal((await node.content.listPartials())[0]?.size, 8);
});

test("silent transfers do not keep a good one waiting", async (t) => {
  const node = await ImageFixture.open(t, { downloads: 2, idleTransferMs: 20 });
  const leave = new AbortController();
  const silent = Array.from({ length: 5 }, (_, index) => `silent ${index}`);
  for (const name of silent) {
    node.registry.answers.set(digestOf(Buffer.from(name)), ({ signal }) => ({
      // oxlint-disable-next-line require-yield -- it never comes to that
      chunks: (async function* () {
        await stall(signal);
      })(),
    }));
    node.registry.tag(name.replace(" ", "-"), fakeImage([name]));
  }
  const stalled = silent.map((name) => node.pull(name.replace(" ", "-"), {}, leave.signal));
  node.registry.tag("good", fakeImage(["good layer"]));
  equal((await node.pull("good")).layers.length, 1);
  leave.abort();
  ok((await Promise.allSettled(stalled)).every(({ status }) => status === "rejected"));
});

test("progress is told layer by layer, to a late caller from what is true now", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", fakeImage([layer]));
  const gate = Promise.withResolvers<void>();
  const half = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(layer), ({ bytes, signal }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 16);
      half.resolve();
      await gate.promise;
      yield* slices(bytes.subarray(16), 4, signal);
    })(),
  }));
  const early: PullEvent[] = [];
  const late: PullEvent[] = [];
  const first = node.pull("busybox", { onEvent: (event) => early.push(event) });
  await half.promise;
  const second = node.pull("busybox", { onEvent: (event) => late.push(event) });
  while (late.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  deepEqual(
    late.map(({ kind }) => kind),
    ["resolving", "resolved", "layer"],
  );
  gate.resolve();
  equal((await first).id, (await second).id);
  equal(node.registry.fetches(layer), 1);
  const states = (events: readonly PullEvent[]): readonly string[] =>
    events.flatMap((event) => (event.kind === "layer" ? [event.state] : []));
  deepEqual([...new Set(states(early))], ["waiting", "downloading", "unpacking", "done"]);
  equal(late.at(-1)?.kind, "done");
  equal(early.at(-1)?.kind, "done");
});

test("a layer whose bytes do not come gives its thread to another, and is unpacked when it is whole", async (t) => {
  const node = await ImageFixture.open(t, { unpackThreads: 1, idleTransferMs: 20 });
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(layer), ({ bytes }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 16);
      begun.resolve();
      await gate.promise;
      yield bytes.subarray(16);
    })(),
  }));
  node.registry.tag("slow", fakeImage([layer]));
  node.registry.tag("good", fakeImage(["good layer"]));
  const slow = node.pull("slow");
  await begun.promise;
  equal((await node.pull("good")).layers.length, 1);
  gate.resolve();
  equal((await slow).layers.length, 1);
  deepEqual(await node.counts(), { blobs: 6, partials: 0, layers: 2, directories: 2, pulls: 0 });
});

test("a pull that is given up does not wait for those that it shares a layer with", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("a", fakeImage([layer, "only a"]));
  node.registry.tag("b", fakeImage([layer, "only b"]));
  const half = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(layer), ({ bytes }) => ({
    chunks: (async function* () {
      yield bytes.subarray(0, 16);
      half.resolve();
      await gate.promise;
      yield bytes.subarray(16);
    })(),
  }));
  const working = node.pull("b");
  await half.promise;
  const leave = new AbortController();
  const waiting = node.pull("a", {}, leave.signal);
  while (node.rows("pulls").length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  leave.abort();
  await rejects(waiting, { code: Code.Canceled });
  while (node.rows("pulls").length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  gate.resolve();
  equal((await working).layers.length, 2);
});

test("the blobs of layers that only a container had kept are fetched again with their image", async (t) => {
  const node = await ImageFixture.open(t);
  const image = fakeImage([layer, "top"]);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  node.images.prepareSnapshot("busybox", { key: "c1", kind: "active", owner: "c1" });
  await node.images.remove("busybox");
  node.unpacker.unpacked.length = 0;
  await node.pull("busybox");
  deepEqual(node.unpacker.unpacked, []);
  for await (const { digest, state } of node.images.verify(t.signal)) equal(state, "sound", digest);
  equal(node.registry.fetches(layer), 2);
});
