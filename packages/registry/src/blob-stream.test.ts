import { deepEqual, equal, rejects } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { type Digest, type ImageReference, parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { FaultyRegistry, flipped, type ServedDescriptor, serveWith, status } from "./testing/index.ts";
import { collect } from "./testing/pull-image.ts";
import type { RegistryClient } from "./types.ts";

const bytes = randomBytes(3 << 20);
const signal = new AbortController().signal;

interface Stage {
  readonly registry: FaultyRegistry;
  readonly client: RegistryClient;
  readonly reference: ImageReference;
  readonly blob: ServedDescriptor;
}

async function setStage(t: TestContext): Promise<Stage> {
  const registry = await FaultyRegistry.start();
  t.after(async () => registry[Symbol.asyncDispose]());
  const client = createRegistryClient({ configPaths: [], retryMinMs: 1 });
  t.after(() => client.close());
  return { registry, client, reference: parseReference(`${registry.host}/x`), blob: registry.addBlob(bytes) };
}

test("a stream begins at its offset where the host gives parts", async (t) => {
  const { client, reference, blob } = await setStage(t);
  for (const offset of [1, 1_000_000, bytes.length - 1]) {
    const stream = await client.openBlob(reference, blob, { offset, verify: false }, signal);
    equal(stream.offset, offset);
    deepEqual(await collect(stream), bytes.subarray(offset));
  }
});

test("a stream begins at 0 where the host gives no parts", async (t) => {
  for (const fault of [serveWith({ ignoresRange: true }), status(416), status(206, {}, "x")]) {
    const { registry, client, reference, blob } = await setStage(t);
    registry.script({ path: "/blobs/", times: 1 }, fault);
    const stream = await client.openBlob(reference, blob, { offset: 100, verify: false }, signal);
    equal(stream.offset, 0);
    deepEqual(await collect(stream), bytes);
  }
});

test("a stream from the end has no bytes and asks nobody; an empty blob is fetched", async (t) => {
  const { registry, client, reference, blob } = await setStage(t);
  const stream = await client.openBlob(reference, blob, { offset: bytes.length, verify: false }, signal);
  deepEqual(await collect(stream), Buffer.alloc(0));
  equal(stream.offset, bytes.length);
  equal(registry.requests.length, 0);

  const empty = registry.addBlob(Buffer.alloc(0));
  deepEqual(await collect(await client.openBlob(reference, empty, {}, signal)), Buffer.alloc(0));
  equal(registry.requests.length, 1);
});

test("wrong bytes are DataLoss at the end, or the caller's affair; a wrong size never is", async (t) => {
  const { registry, client, reference, blob } = await setStage(t);
  registry.script({ path: "/blobs/" }, flipped);
  const message = new RegExp(
    `^fetching blob "${blob.digest}" of "${registry.host}/x:latest": ${registry.host}: the blob hashes to`,
  );
  await rejects(collect(await client.openBlob(reference, blob, {}, signal)), { code: Code.DataLoss, message });
  equal((await collect(await client.openBlob(reference, blob, { verify: false }, signal))).length, bytes.length);

  registry.reset();
  registry.script({ path: "/blobs/" }, serveWith({ bytes: bytes.subarray(1), isChunked: true }));
  const short = await client.openBlob(reference, blob, { verify: false }, signal);
  await rejects(collect(short), {
    code: Code.DataLoss,
    message: /the blob ended after 3145727 of 3145728 bytes, after 5 tries/,
  });
});

test("a line that breaks every megabyte is slow, not broken", async (t) => {
  const { registry, client, reference } = await setStage(t);
  const large = registry.addBlob(Buffer.concat(Array.from({ length: 4 }, () => bytes)));
  registry.script({ path: large.digest }, serveWith({ stopAfter: 1_200_000, stop: "close" }));
  equal((await collect(await client.openBlob(reference, large, {}, signal))).length, large.size);
  equal(registry.requestsFor(large.digest).length > 8, true);
});

test("a line that breaks again and again without a megabyte is given up", async (t) => {
  const { registry, client, reference, blob } = await setStage(t);
  registry.script({ path: blob.digest }, serveWith({ stopAfter: 1_000 }));
  await rejects(collect(await client.openBlob(reference, blob, {}, signal)), { code: Code.Unavailable });
  equal(registry.requestsFor(blob.digest).length, 5);
});

test("long ranges that are given in parts are asked for part by part", async (t) => {
  const { registry, client, reference, blob } = await setStage(t);
  registry.script({ path: blob.digest }, ({ request, response }) => {
    const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? "0");
    const part = bytes.subarray(first, first + 1_000_000);
    const range = `bytes ${first}-${first + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": part.length }).end(part);
  });
  const stream = await client.openBlob(reference, blob, { offset: 10, verify: false }, signal);
  deepEqual(await collect(stream), bytes.subarray(10));
  equal(registry.requestsFor(blob.digest).length, 4);
});

test("what cannot be right is refused before anything is asked", async (t) => {
  const { registry, client, reference, blob } = await setStage(t);
  const code = Code.InvalidArgument;
  for (const digest of ["sha256:../../x", `sha256:${"/".repeat(64)}`, "md5:x", `sha256:${"A".repeat(64)}`, "", "x\n"]) {
    const target = { ...blob, digest: digest as Digest };
    await rejects(client.openBlob(reference, target, {}, signal), { code });
    await rejects(client.fetchSmallBlob(reference, target, 1 << 30, {}, signal), { code });
    await rejects(client.fetchManifestByDigest(reference, target, {}, signal), { code });
  }
  for (const size of [-1, 0.5, Number.NaN, 2 ** 60])
    await rejects(client.openBlob(reference, { ...blob, size }, {}, signal), { code });
  for (const offset of [-1, blob.size + 1, 0.5]) {
    await rejects(client.openBlob(reference, blob, { offset, verify: false }, signal), { code });
  }
  await rejects(client.openBlob(reference, blob, { offset: 1 }, signal), { code, message: /expected verify false/ });
  for (const repository of ["../x", "x/../y", "X", "x?y", "x#y", "x%2e"]) {
    await rejects(client.fetchManifest({ ...reference, repository }, {}, signal), { code });
  }
  await rejects(client.fetchManifest({ ...reference, registry: "../etc" }, {}, signal), { code });
  await rejects(client.fetchSmallBlob(reference, blob, 100, {}, signal), { code: Code.ResourceExhausted });
  const large = { mediaType: "", digest: blob.digest, size: 5 << 20 };
  await rejects(client.fetchManifestByDigest(reference, large, {}, signal), { code: Code.ResourceExhausted });
  equal(registry.requests.length, 0);
});
