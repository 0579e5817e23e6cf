import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { Code } from "@crib/errdefs";

import { startImageNode } from "../support/images/image-node.ts";
import { imageArchitecture, platformIndex, testImage, testIndex } from "../support/images/image.ts";
import { type Compression, layerOfBlob, sha256, testLayer } from "../support/images/layer.ts";
import { listTree } from "../support/images/list-tree.ts";
import { withMountedImage } from "../support/images/mount-image.ts";
import { tarArchive } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

test("manifests of OCI and Docker, with and without index, layers packed in each way", needsRoot, async (t) => {
  const { node, images, pull } = await startImageNode(t);
  let expected: readonly string[] | undefined;
  for (const format of ["oci", "docker"] as const) {
    for (const make of [testImage, platformIndex]) {
      for (const compressions of [["gzip"], ["zstd"], ["none"], ["none", "zstd", "gzip"]] as readonly Compression[][]) {
        await t.test(`${format}, ${make.name}, ${compressions.join(" and ")}`, async () => {
          const layers = compressions.map((compression) =>
            testLayer([{ name: "f", content: "x".repeat(100_000) }], compression),
          );
          const image = make(layers, { format });
          const id = await pull(image);
          equal(id, image.id);
          const lines = await withMountedImage(node, id, (dir) => listTree(dir, { withoutTimes: true }));
          expected ??= lines;
          deepEqual(lines, expected);
          await images.remove(id);
        });
      }
    }
  }
});

test("a gzip of several members and one of several zstd frames are each one layer", needsRoot, async (t) => {
  const { images, pull } = await startImageNode(t);
  const archive = tarArchive([{ name: "f", content: "x".repeat(10_000) }]);
  const halves = [archive.subarray(0, 3_000), archive.subarray(3_000)];
  for (const [compression, pack] of [
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    const blob = Buffer.concat(halves.map((half) => pack(half)));
    await images.remove(await pull(testImage([layerOfBlob(blob, sha256(archive), compression)])));
  }
});

test("of an index the image for this machine is taken, the best one, and no other", needsRoot, async (t) => {
  const { images, pull, serve } = await startImageNode(t);
  const layer = testLayer([{ name: "f" }]);
  const own = imageArchitecture();
  const other = own === "arm64" ? "amd64" : "arm64";
  const image = (architecture: string, mark: string) =>
    testImage([layer], { architecture, config: { Labels: { mark } } });
  const entry = (architecture: string, mark: string, more: object = {}) => ({
    image: image(architecture, mark),
    platform: { os: "linux", architecture, ...more },
  });
  const attestation = { image: image("unknown", "attestation"), platform: { os: "unknown", architecture: "unknown" } };
  const windows = { image: image(own, "windows"), platform: { os: "windows", architecture: own } };
  const wanted = entry(own, "wanted");
  const id = await pull(testIndex([entry(other, "other"), attestation, windows, wanted, entry(own, "second")]));
  equal(id, wanted.image.id);
  await images.removeAll();
  for (const nothing of [
    testIndex([entry(other, "other"), windows]),
    testIndex([]),
    testImage([layer], { architecture: other }),
  ]) {
    await rejects(images.pull(serve(nothing)), { code: Code.NotFound });
  }
  const nested = testIndex([{ image: testIndex([wanted]), platform: { os: "linux", architecture: own } }]);
  equal(await pull(nested), wanted.image.id);
});

test("an image without layers, and one whose layers are the same, are images too", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t);
  const layer = testLayer([{ name: "f", content: "x" }]);
  const twice = await pull(testImage([layer, layer, testLayer([{ name: ".wh.f" }]), layer]));
  await withMountedImage(node, twice, async (dir) => equal((await listTree(dir)).length, 2));
  const image = testImage([]);
  equal(await pull(image), image.id);
});
