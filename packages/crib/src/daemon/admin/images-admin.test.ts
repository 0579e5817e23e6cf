import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import type { PullEvent } from "@crib/core";
import { connectCri, type ServiceClient } from "@crib/cri-client";
import { imageRecord, startTestServer } from "@crib/cri/testing";
import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestOf } from "@crib/oci-spec";
import { BlobState, Images, LayerState } from "@crib/wire/admin";

import { addAdminServices } from "./add-admin-services.ts";
import { MemoryImageAdmin } from "./testing/memory-image-admin.ts";
import { nothingToReload } from "./testing/nothing-to-reload.ts";

const digits = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const MiB = 1024 * 1024;

interface Scene extends AsyncDisposable {
  readonly images: MemoryImageAdmin;
  readonly client: ServiceClient<typeof Images>;
  readonly gate: { isOpen: boolean };
  close(): Promise<void>;
}

async function startScene(): Promise<Scene> {
  const images = new MemoryImageAdmin();
  const handlers = { defaultName: "runc", all: [] };
  const server = await startTestServer(
    {},
    { addServices: addAdminServices({ images, handlers, reloader: nothingToReload }) },
  );
  const cri = connectCri(server.socketPath);
  return {
    images,
    client: cri.service(Images),
    gate: server.gate,
    close: () => server.close(),
    async [Symbol.asyncDispose](): Promise<void> {
      cri.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function* chunksOf(
  bytes: Buffer,
  size: number,
  name = "",
): AsyncGenerator<{ name?: string; data?: Buffer; end?: true }> {
  for (let at = 0; at < bytes.length; at += size) {
    yield { ...(at === 0 && { name }), data: bytes.subarray(at, at + size) };
  }
  if (bytes.length > 0) yield { end: true };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  ok(holds());
}

test("a pull is told event by event, and its last event has the image's id", async () => {
  await using scene = await startScene();
  const layer = { kind: "layer", digest: digits("1"), unpacked: 0, size: 2 ** 40 } as const;
  scene.images.beforePull = async ({ onEvent }) => {
    onEvent?.({
      kind: "resolved",
      reference: "r",
      digest: digits("9"),
      layers: [{ digest: digits("1"), size: 2 ** 40 }],
    });
    onEvent?.({ ...layer, state: "waiting", downloaded: 0 });
    onEvent?.({ ...layer, state: "downloading", downloaded: 2 ** 39 });
  };
  const events = [];
  for await (const { event } of scene.client.pull({ image: "busybox", auth: {} })) events.push(event);
  deepEqual(
    events.map(({ case: kind }) => kind),
    ["resolving", "resolved", "layer", "done"],
  );
  const [resolving, , progress, done] = events;
  equal(resolving?.case === "resolving" && resolving.value.reference, "docker.io/library/busybox:latest");
  // What was overtaken before it could be sent is left out.
  equal(progress?.case === "layer" && progress.value.state, LayerState.DOWNLOADING);
  equal(progress?.case === "layer" && progress.value.downloaded, 2n ** 39n);
  equal(done?.case === "done" && done.value.imageId, scene.images.list()[0]?.id);
});

test("a failed pull fails the stream, after the events that it had", async () => {
  await using scene = await startScene();
  scene.images.beforePull = async () => {
    throw new StatusError(Code.NotFound, "pulling: no such image");
  };
  const kinds: unknown[] = [];
  await rejects(
    async () => {
      for await (const { event } of scene.client.pull({ image: "busybox" })) kinds.push(event.case);
    },
    { code: Code.NotFound, message: "pulling: no such image" },
  );
  deepEqual(kinds, ["resolving"]);
  await rejects(scene.client.pull({ image: "../x" })[Symbol.asyncIterator]().next(), { code: Code.InvalidArgument });
  await rejects(scene.client.pull({ image: "x", runtimeHandler: "nobody" })[Symbol.asyncIterator]().next(), {
    code: Code.InvalidArgument,
  });
});

test("a client that leaves a pull ends it", async () => {
  await using scene = await startScene();
  let aborted = false;
  scene.images.beforePull = (_request, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        aborted = true;
        reject(signal.reason as Error);
      });
    });
  for await (const { event } of scene.client.pull({ image: "busybox" })) {
    equal(event.case, "resolving");
    break;
  }
  await until(() => aborted);
});

test("a reader that is slow makes no queue grow", async () => {
  await using scene = await startScene();
  let emit: ((event: PullEvent) => void) | undefined;
  const held = Promise.withResolvers<void>();
  scene.images.beforePull = async ({ onEvent }) => {
    emit = onEvent;
    await held.promise;
  };
  const events = scene.client.pull({ image: "busybox" })[Symbol.asyncIterator]();
  await events.next();
  for (let downloaded = 0; downloaded < 100_000; downloaded++) {
    emit?.({ kind: "layer", digest: digits("1"), state: "downloading", downloaded, unpacked: 0, size: 100_000 });
  }
  held.resolve();
  let count = 0;
  for (let next = await events.next(); !next.done; next = await events.next()) count++;
  ok(count < 100, `${count} events`);
});

test("images are listed with what they take, and removed with all their names", async () => {
  await using scene = await startScene();
  const layers = [{ digest: digits("5"), size: 7, mediaType: "m", diffId: digits("6"), chainId: digits("6") }];
  const repoTags = ["docker.io/library/a:1", "docker.io/library/b:1"];
  scene.images.images.set(digits("1"), imageRecord({ id: digits("1"), repoTags, layers, pinned: true }));
  scene.images.images.set(digits("2"), imageRecord({ id: digits("2") }));
  const list = async (image = ""): Promise<string[]> => {
    const ids = [];
    for await (const { images } of scene.client.list({ image })) ids.push(...images.map(({ id }) => id));
    return ids;
  };
  deepEqual(await list(), [digits("1"), digits("2")]);
  deepEqual(await list("b"), [digits("1")]);
  deepEqual(await list("c"), []);
  const { image } = await scene.client.remove({ image: "a:1" });
  equal(image?.id, digits("1"));
  deepEqual(image?.repoTags, repoTags);
  equal(image?.unpackedBytes, 4_096n);
  equal(image?.platform, "linux/amd64");
  equal(image?.layers[0]?.size, 7n);
  equal(image?.createdAt?.seconds, BigInt(Math.trunc(Date.parse("2026-11-21T01:02:03.456Z") / 1000)));
  deepEqual(await list(), [digits("2")]);
  equal((await scene.client.remove({ image: "a:1" })).image, undefined);
  await rejects(scene.client.remove({}), { code: Code.InvalidArgument });
});

test("an archive goes in and out whole", async () => {
  await using scene = await startScene();
  const archive = randomBytes(5 * MiB + 12_345);
  const { images } = await scene.client.import(chunksOf(archive, 256 * 1024, "example.org/x:1"));
  equal(images[0]?.id, digestOf(archive));
  deepEqual(images[0]?.repoTags, ["example.org/x:1"]);
  const chunks: Uint8Array[] = [];
  for await (const { data } of scene.client.export({ images: ["example.org/x:1"] })) chunks.push(data);
  ok(Buffer.concat(chunks).equals(archive));
  deepEqual(new Set(chunks.slice(0, -1).map(({ length }) => length)), new Set([256 * 1024]));
  deepEqual((await scene.client.import(chunksOf(archive, 256 * 1024))).images[0]?.repoTags, [
    "docker.io/library/archive:latest",
  ]);
});

test("an archive that comes too fast waits for the disk", async () => {
  await using scene = await startScene();
  const held = Promise.withResolvers<void>();
  scene.images.beforeChunk = () => held.promise;
  let sent = 0;
  const counted = async function* (): AsyncGenerator<{ data?: Buffer; end?: true }> {
    for (; sent < 64 * MiB; sent += 256 * 1024) yield { data: Buffer.alloc(256 * 1024) };
    yield { end: true };
  };
  const imported = scene.client.import(counted());
  await new Promise((resolve) => setTimeout(resolve, 300));
  ok(sent < 16 * MiB, `${sent} bytes are on their way`);
  held.resolve();
  equal((await imported).images[0]?.size, BigInt(64 * MiB));
});

test("an archive that is cut off or refused leaves no image, and says why", async () => {
  await using scene = await startScene();
  const { images, client } = scene;
  const broken = async function* (): AsyncGenerator<{ data: Buffer }> {
    yield { data: Buffer.alloc(1_000) };
    throw new Error("the file cannot be read");
  };
  await rejects(client.import(broken()), { message: "the file cannot be read" });
  const stuck = async function* (): AsyncGenerator<{ data: Buffer }> {
    yield { data: Buffer.alloc(1_000) };
    await new Promise(() => {});
  };
  await rejects(client.import(stuck(), { signal: AbortSignal.timeout(50) }), { code: Code.DeadlineExceeded });
  images.beforeChunk = async () => {
    throw new StatusError(Code.InvalidArgument, "importing: this is no archive");
  };
  const refused = { code: Code.InvalidArgument, message: "importing: this is no archive" };
  await rejects(client.import(chunksOf(Buffer.alloc(32 * MiB), 256 * 1024)), refused);
  // The server's answer is not kept waiting by a source that hangs.
  await rejects(client.import(stuck()), refused);
  await rejects(client.import(chunksOf(Buffer.alloc(10), 10, "-no name-")), { code: Code.InvalidArgument });
  await rejects(client.import(chunksOf(Buffer.alloc(0), 10)), { message: "importing: no archive was sent" });
  await rejects(client.import(chunksOf(Buffer.alloc(5 * MiB), 5 * MiB)), { code: Code.ResourceExhausted });
  const noEnd = async function* (): AsyncGenerator<{ data: Buffer }> {
    yield { data: Buffer.alloc(1_000) };
  };
  images.beforeChunk = async () => {};
  await rejects(client.import(noEnd()), { code: Code.Canceled, message: "importing: the archive was cut off" });
  equal(images.list().length, 0);
});

test("closing the server ends an import with Unavailable", async () => {
  await using scene = await startScene();
  const entered = Promise.withResolvers<void>();
  scene.images.beforeChunk = (_bytes, signal) =>
    new Promise((_resolve, reject) => {
      entered.resolve();
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  const imported = rejects(scene.client.import(chunksOf(Buffer.alloc(10), 10)), { code: Code.Unavailable });
  await entered.promise;
  await Promise.all([scene.close(), imported]);
});

test("an export that nobody reads on ends, and unknown images are named before any byte", async () => {
  await using scene = await startScene();
  const { images, client } = scene;
  await client.import(chunksOf(Buffer.alloc(40 * MiB), MiB, "example.org/x:1"));
  for await (const { data } of client.export({ images: ["example.org/x:1"] })) {
    equal(data.length, 256 * 1024);
    break;
  }
  ok(images.exported < 20 * MiB, `${images.exported} bytes were read`);
  const exporting = (...names: string[]): Promise<unknown> =>
    client.export({ images: names })[Symbol.asyncIterator]().next();
  await rejects(exporting("example.org/x:1", "other"), { code: Code.NotFound, message: /"other"/ });
  await rejects(exporting(), { code: Code.InvalidArgument });
  await rejects(exporting(""), { code: Code.InvalidArgument });
});

test("verification tells of each blob, collection what it took away, and both wait for the gate", async () => {
  await using scene = await startScene();
  const { images, client, gate } = scene;
  images.verdicts = [
    { digest: digits("1"), size: 5, state: "sound", images: [] },
    { digest: digits("2"), size: 6, state: "damaged", images: [digits("a"), digits("b")] },
    { digest: digits("3"), size: 7, state: "missing", images: [digits("a")] },
  ];
  const seen = [];
  for await (const { digest, state, images: ids } of client.verify({})) seen.push([digest, state, ids.length]);
  deepEqual(seen, [
    [digits("1"), BlobState.SOUND, 0],
    [digits("2"), BlobState.DAMAGED, 2],
    [digits("3"), BlobState.MISSING, 1],
  ]);
  const { blobs, bytes, snapshots, partials } = await client.collect({});
  deepEqual([blobs, bytes, snapshots, partials], [1n, 2n ** 40n, 3n, 4n]);
  equal((await client.collect({ abandonedToo: true })).partials, 5n);
  gate.isOpen = false;
  await rejects(client.collect({}), { code: Code.Unavailable });
  await rejects(client.import(chunksOf(Buffer.alloc(10), 10)), { code: Code.Unavailable });
});
