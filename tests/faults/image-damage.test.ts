import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { blobPath } from "../support/images/blob-path.ts";
import { startImageNode } from "../support/images/image-node.ts";
import type { TestImage } from "../support/images/image.ts";
import { indexedImage } from "../support/images/indexed-image.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { randomNumbers } from "../support/random.ts";
import { runCrib } from "../support/run-crib.ts";

const digestsOf = ({ top, manifests, blobs }: TestImage): readonly string[] => [
  ...new Set([top.digest, ...manifests.map(({ digest }) => digest), ...blobs.keys()]),
];

async function expectSound(node: Node): Promise<void> {
  const { exitCode, stdout } = await runCrib(node, "image", "verify");
  equal(exitCode, 0, stdout);
}

test("a byte that is flipped in each of a hundred blobs", needsRoot, async (t) => {
  const seed = Number(process.env["CRIB_TEST_SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(`CRIB_TEST_SEED=${seed}`);
  const random = randomNumbers(seed);
  const { node, images, registry, serve } = await startImageNode(t);
  const served = Array.from({ length: 20 }, (_, which) => indexedImage(which)).map((image) => ({
    image,
    name: serve(image),
  }));
  await Promise.all(served.map(({ name }) => images.pull(name)));
  await expectSound(node);
  const digests = [...new Set(served.flatMap(({ image }) => digestsOf(image)))];
  equal(digests.length, 101);
  for (const digest of digests) {
    const path = blobPath(node, digest);
    const bytes = readFileSync(path);
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    writeFileSync(path, bytes);
  }
  const { exitCode, stdout } = await runCrib(node, "image", "verify");
  equal(exitCode, 1);
  for (const { image } of served) {
    for (const digest of digestsOf(image)) {
      const line = stdout.split("\n").find((line) => line.includes(digest)) ?? "";
      match(line, /^damaged: /, `nothing of ${digest} in ${stdout}`);
      ok(line.includes(image.id.slice(7, 19)), line);
    }
  }
  registry.reset();
  for (const { image, name } of served) equal(await images.pull(name), image.id);
  // What a tag stands for is asked for by the tag.
  const tops = new Set(served.map(({ image }) => image.top.digest));
  for (const digest of digests) equal(registry.requestsFor(digest).length, tops.has(digest) ? 0 : 1, digest);
  await expectSound(node);
  deepEqual(await node.leaks(), []);
});

test("blobs that are cut off, empty or missing", needsRoot, async (t) => {
  const { node, images, registry, serve } = await startImageNode(t);
  const image = indexedImage(0);
  const name = serve(image);
  await images.pull(name);
  const damages: Readonly<Record<string, (path: string) => void>> = {
    "cut off": (path) => truncateSync(path, 10),
    empty: (path) => truncateSync(path, 0),
    missing: (path) => rmSync(path),
  };
  for (const [what, damage] of Object.entries(damages)) {
    for (const digest of digestsOf(image)) damage(blobPath(node, digest));
    const { exitCode, stdout } = await runCrib(node, "image", "verify");
    equal(exitCode, 1);
    for (const digest of digestsOf(image)) ok(stdout.includes(digest), `${what}: nothing of ${digest} in ${stdout}`);
    registry.reset();
    equal(await images.pull(name), image.id);
    equal(registry.requests.length, digestsOf(image).length);
    deepEqual(await unsoundBlobs(node), []);
  }
  await expectSound(node);
  deepEqual(await node.leaks(), []);
});
