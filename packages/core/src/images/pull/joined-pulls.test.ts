import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";
import type { Credentials } from "@crib/registry";

import { fakeImage, slices, stall } from "../testing/fake-registry.ts";
import { ImageFixture } from "../testing/image-fixture.ts";

const layer = Buffer.from("a layer of some bytes");
const image = fakeImage([layer]);
const manifests = (node: ImageFixture): number =>
  node.registry.requests.filter((request) => request.startsWith("manifest")).length;
const basic = (password: string): Credentials => ({ kind: "basic", username: "user", password });

/** Serves the layer up to its half, then when told so. */
function holdBack(node: ImageFixture): { readonly half: Promise<void>; readonly go: () => void } {
  const half = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  node.registry.answers.set(digestOf(layer), ({ bytes, options, signal }) => ({
    chunks: (async function* () {
      const { offset = 0 } = options;
      yield bytes.subarray(offset, Math.max(offset, 10));
      half.resolve();
      await Promise.race([gate.promise, stall(signal)]);
      yield* slices(bytes.subarray(Math.max(offset, 10)), 4, signal);
    })(),
  }));
  return { half: half.promise, go: gate.resolve };
}

test("equal pulls are one, others are not", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  const held = holdBack(node);
  const pulls = [
    node.pull("busybox", { credentials: basic("a") }),
    node.pull("docker.io/library/busybox:latest", { credentials: basic("a") }),
    node.pull("busybox", { credentials: basic("b") }),
    node.pull("busybox"),
    node.pull("busybox", { runtimeHandler: "runc" }),
  ];
  await held.half;
  equal(manifests(node), 4);
  held.go();
  deepEqual(new Set((await Promise.all(pulls)).map(({ id }) => id)).size, 1);
  equal(node.registry.fetches(layer), 1);
});

test("a caller that leaves ends its own wait only, the last one ends the pull", async (t) => {
  const node = await ImageFixture.open(t);
  node.registry.tag("busybox", image);
  const held = holdBack(node);
  const [one, two] = [new AbortController(), new AbortController()];
  const first = node.pull("busybox", {}, one.signal);
  const second = node.pull("busybox", {}, two.signal);
  await held.half;
  one.abort();
  await rejects(first, { code: Code.Canceled });
  equal(node.rows("pulls").length, 1);
  two.abort();
  await rejects(second, { code: Code.Canceled });
  // Whoever comes while it is being undone waits for that, and begins anew.
  const third = node.pull("busybox");
  held.go();
  equal((await third).id, image.id);
  equal(manifests(node), 2);
});

test("credentials go to the reference's registry, those of the configuration to others, none to the disk", async (t) => {
  const node = await ImageFixture.open(t, {
    findCredentials: async (host) => ({ kind: "registry-token", token: `configured for ${host}` }),
  });
  node.registry.tag("example.org/private", image);
  await node.pull("example.org/private", { credentials: basic("s3cret-of-caller") });
  await node.pull("example.org/private");
  deepEqual(node.registry.credentials, [
    basic("s3cret-of-caller"),
    { kind: "registry-token", token: "configured for example.org" },
  ]);
  const written = await Promise.all(
    ["metadata.db", "metadata.db-wal"].map((name) => readFile(join(node.rootDir, name), "latin1")),
  );
  ok(!written.join("").includes("s3cret"));
});
