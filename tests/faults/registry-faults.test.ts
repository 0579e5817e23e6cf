import { deepEqual, equal, ok } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { codeName, StatusError } from "@crib/errdefs";
import { type FaultScript, faultScripts, FaultyRegistry, scriptCredentials, type Stage } from "@crib/registry/testing";

import { type ImageCalls, imageCalls } from "../support/images/image-calls.ts";
import { testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

/** Pulls of each script, which run at the same time. */
const pullsPerScript = 25;
const tag = "v1";
const repository = "team/app";

const { username, password } = scriptCredentials;
const secrets = [password, Buffer.from(`${username}:${password}`).toString("base64")];

test("a thousand pulls from registries that fail in every way", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: () => ({
      // Writing each of a thousand images to the disk shows nothing here.
      images: { sync: false },
      registry: { retry_min: "10ms", stall_timeout: "500ms" },
    }),
  });
  const images = imageCalls(node);
  const { pid } = node.daemon;
  let pulls = 0;
  let kept = 0;
  for (const script of faultScripts) {
    await t.test(`${script.name}: ${script.ends === "pulled" ? "pulled" : codeName(script.ends)}`, async (t) => {
      const stages = await Promise.all(
        Array.from({ length: pullsPerScript }, (_, index) => setStage(t, `${script.name} ${index}`)),
      );
      const outcomes = await Promise.allSettled(stages.map((stage) => play(images, script, stage)));
      pulls += outcomes.length;
      const listed = await images.list();
      const unsound = await unsoundBlobs(node);
      await images.removeAll();
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      const expected = script.ends === "pulled" ? stages.map(({ image }) => image.config.digest) : [];
      deepEqual(listed.map(({ id }) => id).sort(), expected.toSorted());
      kept += listed.length;
      deepEqual(unsound, []);
    });
  }
  t.diagnostic(`${pulls} pulls by ${faultScripts.length} scripts, ${kept} of them ended with an image`);
  ok(pulls >= 1_000, `only ${pulls} pulls`);
  ok(faultScripts.length >= 40);
  equal(node.daemon.pid, pid);
  for (const secret of secrets) ok(!node.log().includes(secret), "credentials are in the log");
});

/** A registry, and another one with the same image, that nobody else uses. */
async function setStage(t: TestContext, content: string): Promise<Stage> {
  const [registry, other] = await Promise.all([FaultyRegistry.start(), FaultyRegistry.start()]);
  t.after(async () => {
    await registry[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });
  const layers = [
    testLayer(
      [
        { name: "content", content },
        { name: "big", content: Buffer.alloc(60_000, content) },
      ],
      "none",
    ),
    testLayer([{ name: "top", content }]),
  ];
  const { blobs, id, top } = testImage(layers);
  const served = layers.map(({ blob }) => ({ bytes: blob }));
  for (const one of [registry, other]) {
    for (const blob of blobs.values()) one.addBlob(blob);
    one.addManifest(repository, [tag], top.bytes, top.mediaType);
  }
  const [config] = [...blobs].filter(([digest]) => digest === id).map(([, bytes]) => registry.addBlob(bytes));
  const manifest = registry.addManifest(repository, [tag], top.bytes, top.mediaType);
  if (!config) throw new Error("the image has no configuration");
  return {
    registry,
    other,
    image: { repository, tag, manifest, config, layers: served.map(({ bytes }) => registry.addBlob(bytes)) },
  };
}

async function play(images: ImageCalls, script: FaultScript, stage: Stage): Promise<void> {
  const { registry, other, image } = stage;
  script.prepare(stage);
  const name = `${registry.host}/${repository}:${tag}`;
  let reason: StatusError | undefined;
  try {
    const id = await images.pull(name, { auth: { username, password } });
    equal(id, image.config.digest);
    equal((await images.status(name))?.id, id);
  } catch (caught) {
    reason = StatusError.from(caught);
    equal(await images.status(name), undefined);
  }
  const ended = reason === undefined ? "pulled" : codeName(reason.code);
  equal(ended, script.ends === "pulled" ? "pulled" : codeName(script.ends), reason?.message);
  for (const secret of secrets) ok(!reason?.message.includes(secret), reason?.message);
  // It may have given a token of its own; what is for the registry it never sees.
  const told = new Set(registry.requests.flatMap(({ headers }) => headers.authorization ?? []));
  for (const { path, headers, body } of other.requests) {
    ok(!told.has(headers.authorization ?? ""), `${path} got ${headers.authorization}`);
    for (const secret of secrets) ok(!JSON.stringify([path, headers, body]).includes(secret), path);
    equal(headers.cookie, undefined);
  }
}
