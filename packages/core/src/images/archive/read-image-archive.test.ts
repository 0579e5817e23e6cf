import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";
import { digestOf, formatReference, mediaTypes } from "@crib/oci-spec";

import { readImageArchive } from "./read-image-archive.ts";
import { MemorySink } from "./testing/memory-sink.ts";
import {
  amd64,
  blob,
  buildTar,
  describe,
  file,
  inPieces,
  layoutEntries,
  type SampleEntry,
  sampleImage,
} from "./testing/sample-image.ts";
import type { ArchiveLimits, ImageArchive } from "./types.ts";

const sample = sampleImage("one", { gzip: true });
const sampleBlobs = [...sample.blobs.values()].map((bytes) => blob(bytes));
const target = sample.exported.manifest;

interface ReadOptions {
  readonly sink?: MemorySink;
  readonly limits?: Partial<ArchiveLimits>;
}

function readBytes(bytes: Buffer, { sink = new MemorySink(), limits = {} }: ReadOptions = {}): Promise<ImageArchive> {
  return readImageArchive(inPieces(bytes), sink, { platform: amd64, limits }, new AbortController().signal);
}

function read(entries: readonly SampleEntry[], options: ReadOptions = {}): Promise<ImageArchive> {
  return readBytes(buildTar(entries), options);
}

function named(name: string, entry: object = target): object {
  return { ...entry, annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest" } };
}

function namesOf({ images }: ImageArchive): readonly (readonly string[])[] {
  return images.map(({ references }) => references.map(formatReference));
}

test("names come from either annotation, a tag alone is none", async () => {
  const ref = (name: string): object => ({ ...target, annotations: { "org.opencontainers.image.ref.name": name } });
  const busybox = "docker.io/library/busybox:1";
  deepEqual(namesOf(await read(layoutEntries([named("busybox:1")], sampleBlobs))), [[busybox]]);
  deepEqual(namesOf(await read(layoutEntries([ref("busybox:1")], sampleBlobs))), [[busybox]]);
  deepEqual(namesOf(await read(layoutEntries([ref("busybox:1"), named("busybox:1"), named("x/y")], sampleBlobs))), [
    [busybox, "docker.io/x/y:latest"],
  ]);
  for (const name of ["latest", "a+b", "a/b+c:d", ""]) {
    deepEqual(namesOf(await read(layoutEntries([ref(name)], sampleBlobs))), [[]], name);
  }
  await rejects(read(layoutEntries([named("../x")], sampleBlobs)), { code: Code.InvalidArgument });
  await rejects(read(layoutEntries([named(`x@${digestOf("other")}`)], sampleBlobs)), { code: Code.InvalidArgument });
});

test("indexes lead to the image for the platform, and are its targets", async () => {
  const arm = { ...describe(mediaTypes.ociManifest, {}), platform: { os: "linux", architecture: "arm64" } };
  const attestation = { ...describe(mediaTypes.ociManifest, []), platform: { os: "unknown", architecture: "unknown" } };
  const inner = {
    schemaVersion: 2,
    manifests: [attestation, arm, { ...target, platform: { os: "linux", architecture: "amd64" } }],
  };
  const outer = { schemaVersion: 2, manifests: [describe(mediaTypes.ociIndex, inner)] };
  const entries = layoutEntries(
    [named("x", describe(mediaTypes.ociIndex, outer))],
    [...sampleBlobs, blob(inner), blob(outer)],
  );
  const { images } = await read(entries);
  deepEqual(images[0]?.targets, [describe("", outer).digest, describe("", inner).digest, target.digest]);
  equal(images[0]?.references.length, 1);
});

test("images for other platforms are passed over, unless there are no others", async () => {
  const arm = sampleImage("arm", { platform: { os: "linux", architecture: "arm64", variant: "v8" } });
  const blobs = [...[...arm.blobs.values()].map((bytes) => blob(bytes)), ...sampleBlobs];
  const armEntry = arm.exported.manifest;
  const both = [armEntry, named("arm:1", armEntry), named("x:1", { ...armEntry, platform: arm.exported.platform })];
  const archive = await read(layoutEntries([...both, named("x:1", { ...target, platform: amd64 })], blobs));
  deepEqual(namesOf(archive), [["docker.io/library/x:1"]]);
  equal(archive.images[0]?.manifestDigest, target.digest);
  await rejects(read(layoutEntries(both, blobs)), { code: Code.NotFound, message: /it has "linux\/arm64\/v8"/ });
});

test("wrong bytes are dropped, never committed", async () => {
  for (const [index, entry] of sampleBlobs.entries()) {
    const bytes = Buffer.from(entry.bytes ?? "");
    bytes[bytes.length - 1] = 1;
    const sink = new MemorySink();
    const entries = layoutEntries([target], sampleBlobs.with(index, { ...entry, bytes }));
    await rejects(read(entries, { sink }), { code: Code.DataLoss, message: /hash to/ });
    deepEqual([sink.open, sink.discarded, sink.blobs.size], [0, 1, index]);
  }
});

test("what is missing, too deep or of another size is refused", async () => {
  const refuses = async (entries: readonly SampleEntry[], message: RegExp): Promise<void> => {
    await rejects(read(entries), { code: Code.InvalidArgument, message });
  };
  await refuses(layoutEntries([target], []), /lacks blob/);
  for (let index = 0; index < sampleBlobs.length; index++) {
    await refuses(layoutEntries([target], sampleBlobs.toSpliced(index, 1)), /lacks blob/);
  }
  await refuses(layoutEntries([{ ...target, size: target.size + 1 }], sampleBlobs), /its descriptor says/);
  await refuses(layoutEntries([], sampleBlobs), /no images/);
  await refuses([...sampleBlobs, file("index.json", { schemaVersion: 2, manifests: [target] })], /it is none/);
  await refuses([file("index.json", sample.manifest), file("oci-layout", { imageLayoutVersion: "1.0.0" })], /no index/);
  for (const layout of ["", "5", "null", "{}", '{"imageLayoutVersion":"2.0.0"}', '{"imageLayoutVersion":1}']) {
    await refuses([file("index.json", { schemaVersion: 2, manifests: [] }), file("oci-layout", layout)], /oci-layout/);
  }
  let entry: object = target;
  const blobs = [...sampleBlobs];
  for (let depth = 0; depth < 4; depth++) {
    const index = { schemaVersion: 2, manifests: [entry] };
    blobs.push(blob(index));
    entry = describe(mediaTypes.ociIndex, index);
  }
  await refuses(layoutEntries([entry], blobs), /more than 4 deep/);
});

test("a manifest whose configuration has other layers is refused", async () => {
  const config = { os: "linux", architecture: "amd64", rootfs: { diff_ids: [] } };
  const manifest = { schemaVersion: 2, config: describe(mediaTypes.ociConfig, config), layers: sample.exported.layers };
  await rejects(
    read(layoutEntries([describe(mediaTypes.ociManifest, manifest)], [...sampleBlobs, blob(config), blob(manifest)])),
    {
      code: Code.InvalidArgument,
      message: /has 0 diff ids for 2 layers/,
    },
  );
});

test("limits hold", async () => {
  const entries = layoutEntries([target], sampleBlobs);
  const limits: readonly Partial<ArchiveLimits>[] = [
    { bytes: 4_000 },
    { entries: 3 },
    { nameBytes: 100 },
    { documentBytes: 20 },
    { metadataBytes: 300 },
  ];
  for (const limit of limits) {
    await rejects(read(entries, { limits: limit }), { code: Code.ResourceExhausted }, JSON.stringify(limit));
  }
  const bomb = gzipSync(buildTar([file("x", Buffer.alloc(8 << 20))]));
  await rejects(readBytes(bomb, { limits: { bytes: 1 << 20 } }), { code: Code.ResourceExhausted });
});

test("what is no archive, or ends early, is refused", async () => {
  const whole = buildTar(layoutEntries([target], sampleBlobs));
  const cut = whole.subarray(0, 5_000);
  const broken = Buffer.from(gzipSync(whole));
  broken.fill(0xff, 200, 300);
  const forms = {
    empty: Buffer.alloc(0),
    one: Buffer.of(0x1f),
    garbage: Buffer.alloc(5_000, "garbage"),
    zeros: Buffer.alloc(5_000),
  };
  const all: Readonly<Record<string, Buffer>> = {
    ...forms,
    cut,
    broken,
    "cut gzip": gzipSync(whole).subarray(0, -20),
    "cut zstd": zstdCompressSync(whole).subarray(0, -20),
    "bad zstd": Buffer.concat([zstdCompressSync(whole).subarray(0, 20), Buffer.alloc(100, 1)]),
  };
  for (const [name, bytes] of Object.entries(all)) {
    const sink = new MemorySink();
    await rejects(readBytes(bytes, { sink }), { code: Code.InvalidArgument }, name);
    equal(sink.open, 0);
  }
});

test("a blob that the sink has is passed over", async () => {
  const sink = new MemorySink();
  for (const [digest, bytes] of sample.blobs) sink.blobs.set(digest, bytes);
  const zeros = sampleBlobs.map((entry) => ({ ...entry, bytes: Buffer.alloc(entry.bytes?.length ?? 0) }));
  const { images } = await read(layoutEntries([target], zeros), { sink });
  deepEqual(images[0]?.manifestBytes, sample.manifest);
});

test("the source is ended when reading fails, and a source that hangs is left at the signal", async () => {
  let isEnded = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.alloc(512, "x");
    } finally {
      isEnded = true;
    }
  };
  await rejects(readImageArchive(source(), new MemorySink(), { platform: amd64 }, new AbortController().signal), {
    code: Code.InvalidArgument,
  });
  ok(isEnded);

  const controller = new AbortController();
  const sink = new MemorySink();
  const hanging = async function* (): AsyncGenerator<Buffer> {
    yield buildTar([file("x", Buffer.alloc(3 << 20))]).subarray(0, 2 << 20);
    setImmediate(() => controller.abort());
    await new Promise(() => {});
  };
  await rejects(readImageArchive(hanging(), sink, { platform: amd64 }, controller.signal), { code: Code.Canceled });
  deepEqual([sink.open, sink.discarded], [0, 1]);
});

test("an error of the source or the sink comes out as it is", async () => {
  const mine = new StatusError(Code.Unavailable, "mine");
  const failing = (head: Buffer): AsyncGenerator<Buffer> =>
    (async function* () {
      yield head;
      throw mine;
    })();
  const whole = buildTar([file("x", Buffer.alloc(3 << 20))]);
  for (const head of [whole.subarray(0, 5_000), gzipSync(whole).subarray(0, 500)]) {
    const reading = readImageArchive(
      failing(head),
      new MemorySink(),
      { platform: amd64 },
      new AbortController().signal,
    );
    await rejects(reading, mine);
  }
  const sink = new MemorySink();
  sink.openBlob = () => Promise.reject(mine);
  await rejects(readBytes(whole, { sink }), mine);
});
