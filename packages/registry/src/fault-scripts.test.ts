import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";

import { codeName, StatusError } from "@crib/errdefs";
import { parseManifest, parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { type FaultScript, faultScripts, FaultyRegistry, scriptCredentials, type Stage } from "./testing/index.ts";
import type { FetchOptions, RegistryClient } from "./types.ts";

const layers = [randomBytes(300_000), randomBytes(1_000)] as const;

async function setStage(): Promise<Stage> {
  const [registry, other] = await Promise.all([FaultyRegistry.start(), FaultyRegistry.start()]);
  const sources = layers.map((bytes) => ({ bytes }));
  other.addImage("team/app", "v1", sources);
  return { registry, other, image: registry.addImage("team/app", "v1", sources) };
}

/** Pulls as an image service does, without keeping anything; gives the bytes of all layers. */
async function pull(
  client: RegistryClient,
  { registry, image }: Stage,
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  const reference = parseReference(`${registry.host}/${image.repository}:${image.tag}`);
  const options: FetchOptions = { credentials: async () => ({ kind: "basic", ...scriptCredentials }) };
  const fetched = await client.fetchManifest(reference, options, signal);
  equal(fetched.descriptor.digest, image.manifest.digest);
  const manifest = parseManifest(fetched.bytes, fetched.descriptor.mediaType);
  if (manifest.kind !== "manifest") throw new Error("an index was served");
  await client.fetchSmallBlob(reference, manifest.config, 8 << 20, options, signal);
  const blobs: Buffer[] = [];
  for (const layer of manifest.layers) {
    const chunks: Buffer[] = [];
    for await (const chunk of await client.openBlob(reference, layer, options, signal)) chunks.push(Buffer.from(chunk));
    blobs.push(Buffer.concat(chunks));
  }
  return blobs;
}

async function play(script: FaultScript): Promise<void> {
  const stage = await setStage();
  await using _registry = stage.registry;
  await using _other = stage.other;
  script.prepare(stage);
  // Only where a server stalls the client has little patience: the others are to be in time on any machine.
  const patience = script.isSlow === true ? { stallMs: 100 } : {};
  const client = createRegistryClient({ configPaths: [], retryMinMs: 2, ...patience });
  try {
    const blobs = await pull(client, stage, AbortSignal.timeout(60_000));
    equal(script.ends, "pulled");
    deepEqual(blobs, layers);
  } catch (reason) {
    if (!(reason instanceof StatusError) || script.ends === "pulled") throw reason;
    equal(codeName(reason.code), codeName(script.ends), reason.message);
    ok(reason.message.startsWith("fetching "), reason.message);
    ok(reason.message.includes(stage.registry.host), reason.message);
    ok(!reason.message.includes(scriptCredentials.password), reason.message);
    ok(!reason.message.includes("?"), `a query in: ${reason.message}`);
  } finally {
    client.close();
  }
  // What another origin has been told may only be a token of its own.
  const ours = new Set(stage.registry.requests.map(({ headers }) => headers.authorization));
  for (const { headers } of stage.other.requests) {
    ok(headers.authorization?.startsWith("Basic") !== true, "credentials went to another origin");
    ok(headers.authorization === undefined || !ours.has(headers.authorization), "a token went to another origin");
  }
}

suite("a pull from a registry that fails", { concurrency: 8 }, () => {
  for (const script of faultScripts) {
    test(`${script.name}: ${script.ends === "pulled" ? "pulled" : codeName(script.ends)}`, async () => play(script));
  }
});

test("the names of the scripts differ", () => {
  equal(new Set(faultScripts.map(({ name }) => name)).size, faultScripts.length);
  ok(faultScripts.length > 80);
});
