import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { hangUp, serveWith } from "@crib/registry/testing";

import { eventually, pause } from "../support/eventually.ts";
import { imageCalls } from "../support/images/image-calls.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage, type TestImage } from "../support/images/image.ts";
import { testLayer, type TestLayer } from "../support/images/layer.ts";
import { serveImage, startFaultyRegistry } from "../support/images/serve-image.ts";
import { storeContents } from "../support/images/store-state.ts";
import { untilStoreHas } from "../support/images/until-store-has.ts";
import { writeHosts } from "../support/images/write-hosts.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { runCrib } from "../support/run-crib.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const big = testLayer([{ name: "big", content: Buffer.alloc(2 << 20, "0123456789") }], "none");
const small = testLayer([{ name: "small", content: "small" }]);

const partialOf = ({ root }: Node): boolean => existsSync(join(root, "content/ingest", big.digest.replace(":", "-")));

/** Begins a pull whose big layer breaks off half-way, so that it fails. */
async function pullHalf({ images, registry }: ImageNode, name: string): Promise<void> {
  registry.reset();
  registry.script({ path: big.digest }, serveWith({ stopAfter: 1 << 20 }));
  await rejects(images.pull(name));
  registry.reset();
}

/** Where the request for the big layer began. */
function askedFrom({ registry }: ImageNode): string | undefined {
  const [asked] = registry.requestsFor(big.digest);
  ok(asked, "it was not asked for");
  return asked.headers.range;
}

test("partial blobs are gone on with while they are young, also after a restart", needsRoot, async (t) => {
  const target = await startImageNode(t, { registry: { tries: 1 } });
  const { node, images, serve } = target;
  const image = testImage([big, small]);
  const name = serve(image);
  await pullHalf(target, name);
  ok(partialOf(node));
  await runCrib(node, "image", "gc");
  await node.restart();
  equal(await images.pull(name), image.id);
  match(askedFrom(target) ?? "", /^bytes=[1-9]\d*-$/);
});

test("partial blobs go when they are old", needsRoot, async (t) => {
  const target = await startImageNode(t, { images: { keep_partials: "5s" }, registry: { tries: 1 } });
  const { node, images, serve } = target;
  const image = testImage([big, small]);
  const name = serve(image);

  await t.test("with all that their pull had", async () => {
    await pullHalf(target, name);
    ok(partialOf(node));
    await untilStoreHas(node, []);
    equal(await images.pull(name), image.id);
    equal(askedFrom(target), undefined);
    await images.remove(name);
  });

  await t.test("those that became old while there was no daemon", async () => {
    await pullHalf(target, name);
    await node.kill();
    ok(partialOf(node));
    await pause(5_100);
    await node.restart();
    await untilStoreHas(node, []);
  });
  deepEqual(await node.leaks(), []);
});

test("an image whose tag has moved is there by its digest until it is removed", needsRoot, async (t) => {
  const { node, images, serve } = await startImageNode(t);
  const before = testImage([small, big, testLayer([{ name: "before" }])]);
  const after = testImage([small, testLayer([{ name: "after" }])]);
  const name = serve(before, "moving");
  await images.pull(name);
  equal(serve(after, "moving"), name);
  equal(await images.pull(name), after.id);
  const digest = `${name.slice(0, name.lastIndexOf(":"))}@${before.top.digest}`;
  const old = await images.status(digest);
  deepEqual([old?.id, old?.repoTags, old?.repoDigests], [before.id, [], [digest]]);
  equal((await images.status(name))?.id, after.id);
  await untilStoreHas(node, [before, after]);
  const { exitCode, stderr } = await runCrib(node, "rmi", digest);
  equal(exitCode, 0, stderr);
  await untilStoreHas(node, [after]);
  await node.restart();
  equal((await images.status(name))?.id, after.id);
  await untilStoreHas(node, [after]);
  deepEqual(await node.leaks(), []);
});

test("the image of a running pause can be removed, its layers go with the pod", needsRoot, async (t) => {
  const node = await startNode(t);
  const images = imageCalls(node);
  const pods = [await node.runPod({ handler: "paused" }), await node.runPod({ handler: "paused" })];
  const [image] = await images.list();
  const [name = ""] = image?.repoTags ?? [];
  match(name, /^localhost\/crib\/pause:/);
  equal(image?.pinned, true);
  const layers = (await images.info(name)).layers.map(({ chainId }) => chainId);

  await images.remove(name);
  deepEqual(await images.list(), []);
  const left = (): readonly string[] => storeContents(node).filter((line) => line.startsWith("snapshots: "));
  const kept = [...layers, ...pods.map(({ id }) => `pause-${id}`)].map((key) => `snapshots: ${key}`);
  await runCrib(node, "image", "gc");
  deepEqual(left().toSorted(), kept.toSorted());
  await node.restart();
  await runCrib(node, "image", "gc");
  deepEqual(left().toSorted(), kept.toSorted());
  const pids = await Promise.all(pods.map(async (pod) => (await pod.info()).pid));
  ok(pids.every(isRunning), "a pause has ended");
  deepEqual([...(await node.list()).values()], ["READY", "READY"]);

  await t.test("and comes back with the next pod", async () => {
    const pod = await node.runPod({ handler: "paused" });
    equal((await images.status(name))?.id, image?.id);
    await pod.remove();
    await images.remove(name);
  });

  await pods[0]?.remove();
  await eventually(5_000, () => equal(left().length, layers.length + 1));
  await pods[1]?.remove();
  await untilStoreHas(node, []);
  deepEqual(await node.leaks(), []);
});

/** An image whose program waits. */
function pauseImage(...others: readonly TestLayer[]): TestImage {
  const program = testLayer([{ name: "pause", mode: 0o755, content: readFileSync("/usr/bin/catatonit") }], "zstd");
  const config = { Entrypoint: ["/pause"], Cmd: ["-P"], User: "65535:65535" };
  return testImage([program, ...others], { config });
}

async function startWithPauseImage(
  t: TestContext,
  image: TestImage,
): Promise<{ readonly node: Node; readonly name: string; readonly registry: ImageNode["registry"] }> {
  const registry = await startFaultyRegistry(t);
  const name = serveImage(registry, "team/pause", ["v1"], image);
  const node = await startNode(t, {
    config: (lane) => {
      const hosts = join(lane.dir, "certs.d");
      writeHosts(hosts, registry.host, { server: registry.origin });
      return { images: { pause_image: name }, registry: { config_path: hosts, retry_min: "20ms", tries: 2 } };
    },
  });
  return { node, name, registry };
}

test("a pause image from a registry is pulled once, and needs it no more", needsRoot, async (t) => {
  const directories = ["etc/", "opt/", "opt/pause/"].map((name) => ({ name, type: "directory" }));
  const image = pauseImage(testLayer(directories), testLayer([{ name: "etc/release", content: "ID=pause\n" }]));
  const { node, name, registry } = await startWithPauseImage(t, image);
  const images = imageCalls(node);
  registry.script({ path: "/v2/", times: 1 }, hangUp);
  await Promise.all(Array.from({ length: 4 }, () => node.runPod({ handler: "paused" })));
  equal((await images.status(name))?.id, image.id);
  for (const digest of image.blobs.keys()) equal(registry.requestsFor(digest).length, 1, digest);
  await untilStoreHasLayers(node, image);

  await t.test("the pods run it, as the user that it names", async () => {
    const [id = ""] = (await node.list()).keys();
    const { pid, processStatus } = await node.pod(id, {}).info();
    equal(processStatus, "running");
    equal(readFileSync(`/proc/${pid}/cmdline`, "utf8"), "/pause\0-P\0");
    match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t65535\t/m);
    equal(readFileSync(`/proc/${pid}/root/etc/release`, "utf8"), "ID=pause\n");
  });

  await t.test("it is not asked for again, offline and after a restart", async () => {
    registry.reset();
    registry.script({ path: "" }, hangUp);
    await node.restart();
    const pod = await node.runPod({ handler: "paused" });
    equal((await pod.info()).processStatus, "running");
    equal(registry.requests.length, 0);
  });

  await t.test("without it, and without the registry, no pod begins, and none is left behind", async () => {
    const running = (await node.list()).size;
    await images.remove(name);
    await rejects(node.runPod({ handler: "paused" }), /team\/pause/);
    equal((await node.list()).size, running);
    registry.reset();
    equal((await (await node.runPod({ handler: "paused" })).info()).processStatus, "running");
  });

  await node.removeAllPods();
  await untilStoreHas(node, [image]);
  await images.remove(name);
  await untilStoreHas(node, []);
  deepEqual(await node.leaks(), []);
});

test("a pause image may hold its program and nothing else", needsRoot, async (t) => {
  const image = pauseImage();
  const { node, name } = await startWithPauseImage(t, image);
  const pods = [await node.runPod({ handler: "paused" }), await node.runPod({ handler: "paused" })];
  for (const pod of pods) {
    const { pid, processStatus } = await pod.info();
    equal(processStatus, "running");
    match(readFileSync(`/proc/${pid}/root/etc/resolv.conf`, "utf8"), /^nameserver 10\.96\.0\.10$/m);
    // What the host adds is no way to change what others see.
    equal(statSync(`/proc/${pid}/root/etc`).mode & 0o7777, 0o755);
    await rejects(runProgram(["touch", `/proc/${pid}/root/etc/new`]), /Read-only/);
  }
  await node.removeAllPods();
  deepEqual(await node.leftovers(), []);
  await untilStoreHas(node, [image]);
  await imageCalls(node).remove(name);
  await untilStoreHas(node, []);
});

async function untilStoreHasLayers(node: Node, image: TestImage): Promise<void> {
  const { layers } = await imageCalls(node).info(image.id);
  equal(layers.length, 3);
  await eventually(5_000, () => {
    const lines = storeContents(node);
    for (const { chainId } of layers) ok(lines.includes(`snapshots: ${chainId}`), lines.join("\n"));
  });
}
