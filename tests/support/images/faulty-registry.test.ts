import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { needsRoot } from "../needs-root.ts";
import { startFaultyRegistry } from "./faulty-registry.ts";
import { testImage } from "./image.ts";
import { testLayer } from "./layer.ts";
import type { Answer } from "./registry-answer.ts";

test("a faulty registry does what its script says", needsRoot, async (t) => {
  const registry = await startFaultyRegistry(t);
  const layer = testLayer([{ name: "hello", content: "world" }], "none");
  const image = testImage([layer]);
  registry.serve("some/app", ["1"], image);
  const blob = `${registry.url}/v2/some/app/blobs/${layer.digest}`;
  const get = async (answer?: Answer, headers: Record<string, string> = {}): Promise<Buffer> => {
    registry.follow(answer && (() => answer));
    return Buffer.from(await (await fetch(blob, { headers, signal: AbortSignal.timeout(1_000) })).arrayBuffer());
  };

  equal((await get()).equals(layer.blob), true);
  equal((await get(undefined, { range: "bytes=100-" })).equals(layer.blob.subarray(100)), true);
  equal((await get({ kind: "whole" }, { range: "bytes=100-" })).equals(layer.blob), true);
  equal((await get({ kind: "slow", bytesPerSecond: 20_000 })).equals(layer.blob), true);
  equal((await get({ kind: "endless", bytes: 3_000_000, announced: false })).length, 3_000_000);
  equal((await get({ kind: "body", body: Buffer.from("other") })).toString(), "other");
  await rejects(get({ kind: "reset", afterBytes: 100 }));
  await rejects(get({ kind: "close", afterBytes: 100 }));
  await rejects(get({ kind: "stall", afterBytes: 100 }), { name: "TimeoutError" });
  await rejects(get({ kind: "silence" }), { name: "TimeoutError" });
  await rejects(get({ kind: "raw", bytes: "SSH-2.0\r\n" }));

  registry.follow(({ reference }) => (reference === "1" ? { kind: "redirect", to: "/v2/" } : undefined));
  equal(await (await fetch(`${registry.url}/v2/some/app/manifests/1`)).text(), "{}");
  equal((await fetch(`${registry.url}/v2/some/app/manifests/${image.top.digest}`)).status, 200);
  equal((await fetch(`${registry.url}/v2/some/app/manifests/2`)).status, 404);
  equal(registry.requests.filter(({ kind }) => kind === "blob").at(-1)?.nth, 11);
});
