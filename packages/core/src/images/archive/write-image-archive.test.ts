import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestOf, formatReference, parseReference } from "@crib/oci-spec";

import { readImageArchive } from "./read-image-archive.ts";
import { MemorySink } from "./testing/memory-sink.ts";
import { amd64, inPieces, type SampleImage, sampleImage } from "./testing/sample-image.ts";
import type { ExportedImage } from "./types.ts";
import { writeImageArchive } from "./write-image-archive.ts";

function openFrom(blobs: ReadonlyMap<Digest, Buffer>): (digest: Digest) => AsyncIterable<Buffer> {
  return (digest) => inPieces(blobs.get(digest) ?? Buffer.alloc(0), 700);
}

async function drain(archive: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of archive) ok(chunk.length >= 0);
}

async function write(
  samples: readonly SampleImage[],
  images: readonly ExportedImage[],
  signal: AbortSignal,
): Promise<Buffer> {
  const blobs = new Map(samples.flatMap((sample) => [...sample.blobs]));
  const chunks: Buffer[] = [];
  // Chunks are the writer's again when the next one is asked for.
  for await (const chunk of writeImageArchive(images, openFrom(blobs), signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test("what is written is read again, plain and compressed", async (t) => {
  const one = sampleImage("one", { gzip: true, names: ["busybox", "host.io:5000/x/y:v1"] });
  const two = sampleImage("two");
  const archive = await write([one, two], [one.exported, two.exported], t.signal);
  for (const form of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
    const sink = new MemorySink();
    const { format, images } = await readImageArchive(inPieces(form), sink, { platform: amd64 }, t.signal);
    equal(format, "oci");
    deepEqual(
      images.map(({ references }) => references.map(formatReference)),
      [["docker.io/library/busybox:latest", "host.io:5000/x/y:v1"], []],
    );
    deepEqual(
      images.map(({ manifestBytes }) => manifestBytes),
      [one.manifest, two.manifest],
    );
    deepEqual(images[0]?.targets, [one.exported.manifest.digest]);
    deepEqual(images[0]?.config.cmd, ["one"]);
    deepEqual(sink.blobs, new Map([...one.blobs, ...two.blobs]));
    equal(sink.unknown.length, 0);
  }
});

test("equal images give equal bytes, and a blob of two images is there once", async (t) => {
  const sample = sampleImage("one", { names: ["a"] });
  const once = await write([sample], [sample.exported], t.signal);
  deepEqual(await write([sample], [sample.exported], t.signal), once);
  const again = { ...sample.exported, references: [parseReference("b")] };
  const twice = await write([sample], [sample.exported, again], t.signal);
  ok(twice.length < once.length + 2_048);
  const { images } = await readImageArchive(inPieces(twice), new MemorySink(), { platform: amd64 }, t.signal);
  deepEqual(
    images.map(({ references }) => references.length),
    [2],
  );
});

test("GNU tar reads the archive", async (t) => {
  const sample = sampleImage("one", { names: ["a"] });
  const input = await write([sample], [sample.exported], t.signal);
  const names = execFileSync("tar", ["--list", "--file=-"], { input, encoding: "utf8" }).trim().split("\n");
  deepEqual(names.slice(0, 5), ["oci-layout", "index.json", "manifest.json", "blobs/", "blobs/sha256/"]);
  equal(names.length, 5 + sample.blobs.size);
});

test("names by a digest are written where it is the manifest's", async (t) => {
  const sample = sampleImage("one");
  const { digest } = sample.exported.manifest;
  const references = [`x/y@${digest}`, `x/y:tag@${digest}`, `x/y@${digestOf("other")}`].map(parseReference);
  const archive = await write([sample], [{ ...sample.exported, references }], t.signal);
  const { images } = await readImageArchive(inPieces(archive), new MemorySink(), { platform: amd64 }, t.signal);
  deepEqual(images[0]?.references.map(formatReference), [`docker.io/x/y@${digest}`]);
});

test("a damaged blob ends the export", async (t) => {
  const sample = sampleImage("one");
  for (const damage of ["short", "long", "changed"] as const) {
    const blobs = new Map(sample.blobs);
    const layer = Buffer.from(sample.layers[0] ?? "");
    layer[600] = 0xff;
    const bytes = { short: layer.subarray(1), long: Buffer.concat([layer, layer]), changed: layer }[damage];
    blobs.set(sample.exported.layers[0]?.digest ?? digestOf(""), bytes);
    await rejects(drain(writeImageArchive([sample.exported], openFrom(blobs), t.signal)), {
      code: Code.DataLoss,
      message: new RegExp(`blob "${sample.exported.layers[0]?.digest}"`),
    });
  }
});

test("an export ends with its signal and with an error of the store", async () => {
  const sample = sampleImage("one");
  const aborted = writeImageArchive([sample.exported], openFrom(sample.blobs), AbortSignal.abort());
  await rejects(drain(aborted), { code: Code.Canceled });
  const missing = new StatusError(Code.NotFound, "gone");
  const failing = writeImageArchive(
    [sample.exported],
    () => {
      throw missing;
    },
    new AbortController().signal,
  );
  await rejects(drain(failing), missing);
});
