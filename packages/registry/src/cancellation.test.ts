import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { type Fault, FaultyRegistry, type ServedImage, serveWith, silence, status } from "./testing/index.ts";
import { collect } from "./testing/pull-image.ts";
import type { RegistryClient } from "./types.ts";

const layer = Buffer.alloc(3 << 20, "layer");

interface Stage {
  readonly registry: FaultyRegistry;
  readonly image: ServedImage;
  readonly client: RegistryClient;
}

async function setStage(t: TestContext, options: object = {}): Promise<Stage> {
  const registry = await FaultyRegistry.start();
  t.after(async () => registry[Symbol.asyncDispose]());
  const image = registry.addImage("team/app", "v1", [{ bytes: layer }]);
  const client = createRegistryClient({ configPaths: [], retryMinMs: 1, ...options });
  t.after(() => client.close());
  return { registry, image, client };
}

const referenceOf = ({ registry }: Stage) => parseReference(`${registry.host}/team/app:v1`);

function layerOf({ image }: Stage): ServedImage["layers"][number] {
  const [layer] = image.layers;
  if (layer === undefined) throw new Error("no layer");
  return layer;
}

async function untilClosed(registry: FaultyRegistry): Promise<void> {
  for (let wait = 0; registry.connections > 0; wait++) {
    if (wait > 12_000) throw new Error(`${registry.connections} connections are left`);
    await sleep(5);
  }
}

const faults: readonly (readonly [name: string, fault: Fault])[] = [
  ["before the answer", silence],
  ["between two tries", status(503, { "retry-after": "30" })],
  ["in the body", serveWith({ stopAfter: 30, stop: "stall" })],
  ["in the body of an error", ({ response }) => void response.writeHead(404).write("x")],
];

for (const [name, fault] of faults) {
  test(`the signal ends a request ${name}, and its connection`, async (t) => {
    const stage = await setStage(t);
    stage.registry.script({ path: "/manifests/" }, fault);
    const controller = new AbortController();
    const fetching = stage.client.fetchManifest(referenceOf(stage), {}, controller.signal);
    while (stage.registry.requests.length === 0) await sleep(2);
    await sleep(20);
    controller.abort();
    await rejects(fetching, { code: Code.Canceled });
    if (name !== "between two tries") await untilClosed(stage.registry);
  });
}

test("an aborted signal asks nothing; a timeout is DeadlineExceeded", async (t) => {
  const stage = await setStage(t);
  await rejects(stage.client.fetchManifest(referenceOf(stage), {}, AbortSignal.abort()), { code: Code.Canceled });
  equal(stage.registry.requests.length, 0);
  stage.registry.script({ path: "/manifests/" }, silence);
  const late = AbortSignal.timeout(30);
  await rejects(stage.client.fetchManifest(referenceOf(stage), {}, late), {
    code: Code.DeadlineExceeded,
    message: `fetching manifest "${stage.registry.host}/team/app:v1": The operation was aborted due to timeout`,
  });
});

test("the signal ends a stream that waits, and one that nobody reads", async (t) => {
  const stage = await setStage(t);
  stage.registry.script({ path: "/blobs/" }, serveWith({ stopAfter: 10, stop: "stall" }));
  const controller = new AbortController();
  const stream = await stage.client.openBlob(referenceOf(stage), layerOf(stage), {}, controller.signal);
  setTimeout(() => controller.abort(), 20);
  await rejects(collect(stream), { code: Code.Canceled });
  await untilClosed(stage.registry);

  const second = new AbortController();
  const unread = await stage.client.openBlob(referenceOf(stage), layerOf(stage), {}, second.signal);
  second.abort();
  await untilClosed(stage.registry);
  await rejects(collect(unread), { code: Code.Canceled });
});

test("leaving the loop ends the transfer", async (t) => {
  const stage = await setStage(t);
  const { signal } = new AbortController();
  const stream = await stage.client.openBlob(referenceOf(stage), layerOf(stage), {}, signal);
  for await (const chunk of stream) {
    equal(chunk.length > 0, true);
    break;
  }
  await untilClosed(stage.registry);
  deepEqual(await collect(stream), Buffer.alloc(0));
});

test("a request that waits for its turn can be cancelled and takes nobody's place", async (t) => {
  const stage = await setStage(t, { requestsPerHost: 1 });
  const { signal } = new AbortController();
  const stream = await stage.client.openBlob(referenceOf(stage), layerOf(stage), {}, signal);
  const controller = new AbortController();
  const waiting = stage.client.fetchManifest(referenceOf(stage), {}, controller.signal);
  const next = stage.client.fetchManifest(referenceOf(stage), {}, signal);
  setTimeout(() => controller.abort(), 10);
  await rejects(waiting, { code: Code.Canceled });
  equal(stage.registry.requestsFor("/manifests/").length, 0);
  deepEqual(await collect(stream), layer);
  equal((await next).source, stage.registry.host);
});

test("transfers that stand still leave their turn to others", async (t) => {
  const stage = await setStage(t, { requestsPerHost: 2, stallMs: 120 });
  const image = stage.registry.addImage("team/good", "v1", [{ bytes: layer }]);
  stage.registry.script({ path: "/v2/team/app/" }, silence);
  const controller = new AbortController();
  const stalled = Array.from({ length: 10 }, async () =>
    rejects(stage.client.fetchManifest(referenceOf(stage), {}, controller.signal), { code: Code.Canceled }),
  );
  const good = parseReference(`${stage.registry.host}/team/good:v1`);
  const fetched = await stage.client.fetchManifest(good, {}, AbortSignal.timeout(60_000));
  equal(fetched.descriptor.digest, image.manifest.digest);
  controller.abort();
  await Promise.all(stalled);
});

test("a consumer that pauses is no stalled server", async (t) => {
  // The server is to answer in time even where the machine stalls.
  const stage = await setStage(t, { stallMs: 1_500, tries: 1 });
  const { signal } = new AbortController();
  const read = async (beforeMs: number, betweenMs: number): Promise<void> => {
    const stream = await stage.client.openBlob(referenceOf(stage), layerOf(stage), {}, signal);
    await sleep(beforeMs);
    let size = 0;
    for await (const chunk of stream) {
      if (size === 0) await sleep(betweenMs);
      size += chunk.length;
    }
    equal(size, layer.length);
  };
  await Promise.all([read(1_800, 0), read(0, 1_800)]);
  equal(stage.registry.requestsFor("/blobs/").length, 2);
});

test("a process that has pulled can end without closing the client", async (t) => {
  const { registry } = await setStage(t);
  const script = `
    import { createRegistryClient } from ${JSON.stringify(new URL("registry-client.ts", import.meta.url).href)};
    const client = createRegistryClient({ configPaths: [] });
    const reference = { registry: "${registry.host}", repository: "team/app", tag: "v1" };
    await client.fetchManifest(reference, {}, new AbortController().signal);
    console.log("pulled");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit") as Promise<[number]>;
  const [output] = (await once(child.stdout, "data")) as [Buffer];
  equal(output.toString(), "pulled\n");
  const late = sleep(60_000, "it goes on", { ref: false });
  deepEqual(await Promise.race([exited, late]), [0, null]);
});
