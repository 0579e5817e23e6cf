import { deepEqual, equal, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestHex, digestOf, formatReference, mediaTypes } from "@crib/oci-spec";

import { readImageArchive } from "./read-image-archive.ts";
import { MemorySink } from "./testing/memory-sink.ts";
import {
  amd64,
  blobName,
  buildTar,
  file,
  inPieces,
  type SampleEntry,
  type SampleImage,
  sampleImage,
} from "./testing/sample-image.ts";
import type { ImageArchive } from "./types.ts";

function read(entries: readonly SampleEntry[], sink: MemorySink = new MemorySink()): Promise<ImageArchive> {
  return readImageArchive(inPieces(buildTar(entries)), sink, { platform: amd64 }, new AbortController().signal);
}

function configName(image: SampleImage): string {
  return `${digestHex(digestOf(image.config))}.json`;
}

/** Entries as `docker save` made them before version 25. */
function savedEntries(image: SampleImage, change: Readonly<Record<string, unknown>> = {}): readonly SampleEntry[] {
  const manifest = {
    Config: configName(image),
    RepoTags: ["busybox:1"],
    Layers: ["a/layer.tar", "b/layer.tar"],
    ...change,
  };
  return [
    { name: "a/", type: "directory" },
    file("a/VERSION", "1.0"),
    file("a/json", "{}"),
    file("a/layer.tar", image.layers[0] ?? ""),
    file("b/layer.tar", image.layers[1] ?? ""),
    file(configName(image), image.config),
    file("manifest.json", [manifest]),
    file("repositories", "{}"),
  ];
}

test("an archive of docker save becomes an OCI image", async () => {
  const sample = sampleImage("one");
  const sink = new MemorySink();
  const { format, images } = await read(savedEntries(sample), sink);
  equal(format, "docker");
  const [image] = images;
  deepEqual(image?.references.map(formatReference), ["docker.io/library/busybox:1"]);
  deepEqual(image?.manifestBytes, sample.manifest);
  deepEqual(image?.targets, [digestOf(sample.manifest)]);
  deepEqual(
    image?.config.diffIds,
    sample.diffs.map((diff) => digestOf(diff)),
  );
  deepEqual(sink.blobs, sample.blobs);
});

test("layers may be links to others, and compressed", async () => {
  const sample = sampleImage("one", { gzip: true });
  const sink = new MemorySink();
  const { images } = await read(
    [
      file("manifest.json", [{ Config: configName(sample), RepoTags: null, Layers: ["./a/layer.tar", "c/layer.tar"] }]),
      { name: "a/layer.tar", type: "symlink", link: "../x.tar" },
      { name: "c/layer.tar", type: "link", link: "./y.tar" },
      file("x.tar", sample.layers[0] ?? ""),
      file("y.tar", sample.layers[1] ?? ""),
      file(configName(sample), sample.config),
    ],
    sink,
  );
  deepEqual(images[0]?.references, []);
  deepEqual(
    images[0]?.manifest.layers.map(({ mediaType }) => mediaType),
    [mediaTypes.ociLayer, mediaTypes.ociLayerGzip],
  );
  deepEqual(sink.blobs, sample.blobs);
});

test("a large layer goes through the sink before its digest is known", async () => {
  const sample = sampleImage("one");
  const large = buildTar([file("large", Buffer.alloc(3 << 20, "x"))]);
  const config = { os: "linux", architecture: "amd64", rootfs: { diff_ids: [digestOf(large)] } };
  const sink = new MemorySink();
  const { images } = await read(
    [
      file("a/layer.tar", large),
      file("config", config),
      file("manifest.json", [{ Config: "config", Layers: ["a/layer.tar"] }]),
    ],
    sink,
  );
  deepEqual(sink.unknown, [large.length]);
  equal(images[0]?.manifest.layers[0]?.digest, digestOf(large));
  await rejects(read(savedEntries(sample).toSpliced(3, 1, file("a/layer.tar", large))), { code: Code.DataLoss });
});

test("an archive that is both is read as a layout, with names from either", async () => {
  const sample = sampleImage("one");
  const blobs = [...sample.blobs].map(([digest, bytes]) => file(blobName(digest), bytes));
  const layers = sample.layers.map((layer) => blobName(digestOf(layer)));
  const docker = [{ Config: blobName(digestOf(sample.config)), RepoTags: ["busybox:1", "busybox:2"], Layers: layers }];
  const index = { schemaVersion: 2, manifests: [sample.exported.manifest] };
  const entries = [...blobs, file("index.json", index), file("manifest.json", docker)];
  const { format, images } = await read([...entries, file("oci-layout", { imageLayoutVersion: "1.0.0" })]);
  equal(format, "oci");
  deepEqual(images[0]?.references.map(formatReference), ["docker.io/library/busybox:1", "docker.io/library/busybox:2"]);
  equal((await read(entries)).format, "docker");
});

test("what contradicts itself is refused", async () => {
  const sample = sampleImage("one");
  const other = sampleImage("two");
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, number, RegExp])[] = [
    [{ Config: "../../etc/passwd" }, Code.InvalidArgument, /lacks file "..\/..\/etc\/passwd"/],
    [{ Config: "manifest.json" }, Code.InvalidArgument, /lacks file/],
    [{ Config: 5 }, Code.InvalidArgument, /0\.Config/],
    [{ Layers: ["a/layer.tar"] }, Code.InvalidArgument, /has 2 diff ids for 1 layers/],
    [{ Layers: ["b/layer.tar", "a/layer.tar"] }, Code.DataLoss, /hashes to/],
    [{ Layers: ["a/layer.tar", "/etc/passwd"] }, Code.InvalidArgument, /lacks file/],
    [{ Layers: Array.from({ length: 513 }, () => "a/layer.tar") }, Code.InvalidArgument, /0\.Layers/],
    [{ RepoTags: ["../x"] }, Code.InvalidArgument, /reading image reference/],
    [{ RepoTags: [`x@${digestOf("other")}`] }, Code.InvalidArgument, /says that its digest is/],
  ];
  for (const [change, code, message] of cases) await rejects(read(savedEntries(sample, change)), { code, message });
  await rejects(read([file("manifest.json", "[")]), { code: Code.InvalidArgument });
  await rejects(read([file("manifest.json", [])]), { code: Code.InvalidArgument, message: /no images/ });
  const arm = sampleImage("arm", { platform: { os: "linux", architecture: "arm64", variant: "" } });
  await rejects(read(savedEntries(arm)), { code: Code.NotFound, message: /it has "linux\/arm64"/ });
  await rejects(read(savedEntries(other).slice(0, 5)), { code: Code.InvalidArgument, message: /it is none/ });
});

test("links in circles and out of the archive lead nowhere", async () => {
  const sample = sampleImage("one");
  const links: readonly SampleEntry[] = [
    { name: "a/layer.tar", type: "symlink", link: "../c" },
    { name: "a/layer.tar", type: "symlink", link: "layer.tar" },
    { name: "a/layer.tar", type: "symlink", link: "../../../b/layer.tar" },
    { name: "a/layer.tar", type: "symlink", link: "/b/layer.tar" },
    { name: "a/layer.tar", type: "link", link: "../b/layer.tar" },
  ];
  const circle: SampleEntry = { name: "c", type: "symlink", link: "a/layer.tar" };
  for (const link of links) {
    await rejects(read([...savedEntries(sample).toSpliced(3, 1, link), circle]), {
      code: Code.InvalidArgument,
      message: /lacks file "a\/layer.tar"/,
    });
  }
});

test("archives of GNU tar in all its formats are read", async (t) => {
  const sample = sampleImage("one");
  const dir = mkdtempSync(join(tmpdir(), "crib-archive-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const long = "l".repeat(120);
  for (const folder of ["a", "b", long]) mkdirSync(join(dir, folder));
  writeFileSync(join(dir, "a/layer.tar"), sample.layers[0] ?? "");
  writeFileSync(join(dir, long, "layer.tar"), sample.layers[1] ?? "");
  symlinkSync(`../${long}/layer.tar`, join(dir, "b/layer.tar"));
  writeFileSync(join(dir, "config"), sample.config);
  const manifest = [{ Config: "config", RepoTags: ["x:1"], Layers: ["a/layer.tar", "b/layer.tar"] }];
  writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
  for (const args of [["--format=gnu"], ["--format=pax"], ["--format=gnu", "--gzip"]]) {
    const archive = execFileSync("tar", ["--create", "--file=-", ...args, "--directory", dir, "."]);
    const { images } = await readImageArchive(inPieces(archive), new MemorySink(), { platform: amd64 }, t.signal);
    deepEqual(images[0]?.manifestBytes, sample.manifest);
  }
});
