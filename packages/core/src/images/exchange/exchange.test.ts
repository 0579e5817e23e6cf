import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf, parseReference } from "@crib/oci-spec";

import { fakeImage, fakeIndex } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const image = fakeImage(["base layer", "top layer"]);
const other = fakeImage(["base layer", "other top"]);

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function* streamOf(...parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 1_000) yield part.subarray(at, at + 1_000);
  }
}

test("images leave as an archive and come back as they were, without a registry", async (t) => {
  const from = await ImageFixture.open(t);
  from.registry.tag("busybox", image, fakeIndex(image.manifest));
  from.registry.tag("example.org/a:1", other);
  await from.pull("busybox");
  await from.pull("example.org/a:1");
  const archive = await collect(from.images.exportArchive(["busybox", "example.org/a:1"], t.signal));

  const to = await ImageFixture.open(t);
  const imported = await to.images.importArchive(streamOf(archive), {}, t.signal);

  deepEqual(
    imported.map(({ id, repoTags }) => [id, repoTags]),
    [
      [image.id, ["docker.io/library/busybox:latest"]],
      [other.id, ["example.org/a:1"]],
    ],
  );
  deepEqual(imported[1]?.repoDigests, [`example.org/a@${other.manifest.digest}`]);
  deepEqual(to.registry.requests, []);
  deepEqual(await to.counts(), { blobs: 7, partials: 0, layers: 3, directories: 3, pulls: 0 });
  await to.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await to.counts(), { blobs: 7, partials: 0, layers: 3, directories: 3, pulls: 0 });
  deepEqual(await collect(to.images.exportArchive(["busybox", "example.org/a:1"], t.signal)), archive);
});

test("an import gives the name it is asked to, and can pin", async (t) => {
  const from = await ImageFixture.open(t);
  from.registry.tag("busybox", image);
  await from.pull("busybox");
  const archive = await collect(from.images.exportArchive([image.id], t.signal));
  const [named] = await from.images.importArchive(
    streamOf(archive),
    { name: parseReference("localhost/pause:1"), pinned: true },
    t.signal,
  );
  deepEqual(named?.repoTags, ["docker.io/library/busybox:latest", "localhost/pause:1"]);
  equal(named?.pinned, true);
  const wrong = parseReference(`localhost/pause@${digestOf("x")}`);
  await rejects(from.images.importArchive(streamOf(archive), { name: wrong }, t.signal), {
    code: Code.InvalidArgument,
  });
});

test("an archive of several images cannot have one name, and a failed import leaves no image", async (t) => {
  const from = await ImageFixture.open(t);
  from.registry.tag("busybox", image);
  from.registry.tag("other", other);
  await from.pull("busybox");
  await from.pull("other");
  const archive = await collect(from.images.exportArchive(["busybox", "other"], t.signal));

  const to = await ImageFixture.open(t, { faults: "PullImage/disk.sync@after=fail" });
  await rejects(to.images.importArchive(streamOf(archive), { name: parseReference("x") }, t.signal), {
    code: Code.InvalidArgument,
  });
  await rejects(to.images.importArchive(streamOf(archive), {}, t.signal), { code: Code.Internal });
  await rejects(to.images.importArchive(streamOf(archive.subarray(0, 5_000)), {}, t.signal));
  await rejects(to.images.importArchive(streamOf(Buffer.from("no archive at all")), {}, t.signal), {
    code: Code.InvalidArgument,
  });
  deepEqual(to.images.list(), []);
  await to.images.collectGarbage(t.signal, { abandonedToo: true });
  deepEqual(await to.counts(), { blobs: 0, partials: 0, layers: 0, directories: 0, pulls: 0 });
});

test("the blobs of an import are kept while the rest of it comes in", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  const archive = await collect(node.images.exportArchive(["busybox"], t.signal));
  await node.images.remove("busybox");
  const half = Promise.withResolvers<void>();
  const collected = Promise.withResolvers<void>();
  const slow = async function* (): AsyncGenerator<Buffer> {
    yield archive.subarray(0, archive.length - 2_048);
    half.resolve();
    await collected.promise;
    yield archive.subarray(archive.length - 2_048);
  };
  const importing = node.images.importArchive(slow(), {}, t.signal);
  await half.promise;
  while ((await node.content.list()).length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  await node.images.collectGarbage(t.signal, { abandonedToo: true });
  collected.resolve();
  equal((await importing)[0]?.id, image.id);
});

test("an export of what is not there fails before its first chunk", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  await node.pull("busybox");
  await rejects(collect(node.images.exportArchive(["busybox", "nothing"], t.signal)), {
    code: Code.NotFound,
    message: /nothing/,
  });
  await node.content.delete(digestOf(Buffer.from("top layer")));
  await rejects(collect(node.images.exportArchive(["busybox"], t.signal)), { code: Code.FailedPrecondition });
});
