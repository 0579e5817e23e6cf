import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { serveWith, silence } from "@crib/registry/testing";
import { Images } from "@crib/wire/admin";

import { eventually } from "../support/eventually.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";

const small = testLayer([{ name: "f", content: "small" }]);
const big = testLayer([{ name: "big", content: Buffer.alloc(2 << 20, "0123456789") }], "none");
const image = testImage([big, small]);

test("pulls of the same image at the same time are one pull", needsRoot, async (t) => {
  const { images, registry, serve } = await startImageNode(t);
  const name = serve(image);
  registry.script({ path: big.digest }, serveWith({ chunkBytes: 100_000, chunkMs: 10 }));
  const ids = await Promise.all(Array.from({ length: 10 }, () => images.pull(name)));
  deepEqual(new Set(ids), new Set([image.id]));
  for (const digest of image.blobs.keys()) equal(registry.requestsFor(digest).length, 1, digest);
});

test("layers that are there, or come with another image, are not fetched again", needsRoot, async (t) => {
  const { images, registry, serve, pull } = await startImageNode(t);
  const others = [1, 2, 3].map((which) => testImage([big, testLayer([{ name: `${which}` }])]));
  const names = others.map((other) => serve(other));
  registry.script({ path: big.digest }, serveWith({ chunkBytes: 100_000, chunkMs: 5 }));
  await Promise.all(names.map((name) => images.pull(name)));
  equal(registry.requestsFor(big.digest).length, 1);
  await pull(image);
  equal(registry.requestsFor(big.digest).length, 1);
  // What they share stays until the last one goes.
  for (const name of names) await images.remove(name);
  await images.status(image.id);
  equal((await images.list()).length, 1);
  await images.removeAll();
  await pull(image);
  equal(registry.requestsFor(big.digest).length, 2);
});

test("a pull that nobody waits for any more ends, and the next goes on where it was", needsRoot, async (t) => {
  const { node, images, registry, serve } = await startImageNode(t);
  const name = serve(image);
  registry.script({ path: big.digest, times: 1 }, serveWith({ stopAfter: 1_000_000, stop: "stall" }));
  const leave = new AbortController();
  const pulls = [images.pull(name, { signal: leave.signal }), images.pull(name, { timeoutMs: 3_000 })];
  for (const pull of pulls) pull.catch(() => {});
  await eventually(10_000, () => equal(registry.requestsFor(big.digest).length, 1));
  leave.abort();
  await rejects(pulls[0] ?? Promise.resolve(), { code: Code.Canceled });
  // The other one still waits for it, until its deadline.
  await rejects(pulls[1] ?? Promise.resolve(), { code: Code.DeadlineExceeded });
  await eventually(10_000, () =>
    deepEqual(
      storeContents(node).filter((line) => line.startsWith("pulls")),
      [],
    ),
  );
  deepEqual(await images.list(), []);
  equal(await images.status(name), undefined);
  deepEqual(await node.leaks(), []);

  equal(await images.pull(name), image.id);
  const [, second] = registry.requestsFor(big.digest);
  match(second?.headers.range ?? "no range", /^bytes=[1-9]\d*-/);
  deepEqual(await unsoundBlobs(node), []);
});

test("after a SIGKILL in mid transfer the next pull goes on where it was", needsRoot, async (t) => {
  const { node, images, registry, serve } = await startImageNode(t);
  const name = serve(image);
  registry.script({ path: big.digest, times: 1 }, serveWith({ stopAfter: 1_000_000, stop: "stall" }));
  const pull = images.pull(name);
  pull.catch(() => {});
  await eventually(10_000, () => equal(registry.requestsFor(big.digest).length, 1));
  const partial = join(node.root, "content/ingest", big.digest.replace(":", "-"));
  await eventually(10_000, () => ok(statSync(partial).size > 0));
  await node.restart();
  await rejects(pull);
  deepEqual(await images.list(), []);
  await eventually(10_000, async () => deepEqual(await node.leaks(), []));
  equal(await images.pull(name), image.id);
  match(registry.requestsFor(big.digest)[1]?.headers.range ?? "no range", /^bytes=[1-9]\d*-/);
  deepEqual(await unsoundBlobs(node), []);
});

test("a registry that says nothing holds up no other pull", needsRoot, async (t) => {
  const { images, registry, serve } = await startImageNode(t, { registry: { stall_timeout: "50s" } });
  const silent = Array.from({ length: 20 }, (_, which) => testImage([testLayer([{ name: `silent${which}` }])]));
  const leave = new AbortController();
  const stalled = silent.map(async (one) => {
    const name = serve(one);
    for (const digest of one.blobs.keys()) registry.script({ path: digest }, silence);
    await rejects(images.pull(name, { signal: leave.signal }));
  });
  await eventually(10_000, () => ok(registry.requests.length >= 20));
  const started = performance.now();
  equal(await images.pull(serve(image)), image.id);
  ok(performance.now() - started < 40_000, "the good pull waited for the others");
  leave.abort();
  await Promise.all(stalled);
});

test("a pull tells how it goes on", needsRoot, async (t) => {
  const { node, registry, serve } = await startImageNode(t);
  const name = serve(image);
  registry.script({ path: big.digest }, serveWith({ chunkBytes: 100_000, chunkMs: 10 }));
  const kinds: string[] = [];
  let downloaded = 0n;
  for await (const { event } of node.cri.service(Images).pull({ image: name })) {
    kinds.push(event.case ?? "none");
    if (event.case !== "layer" || event.value.digest !== big.digest) continue;
    ok(event.value.downloaded >= downloaded, "it went back");
    ({ downloaded } = event.value);
  }
  equal(kinds[0], "resolving");
  equal(kinds.at(-1), "done");
  ok(kinds.filter((kind) => kind === "layer").length > 4, kinds.join(" "));
  equal(downloaded, BigInt(big.blob.length));
});
