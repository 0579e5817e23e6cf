import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { needsRoot } from "../needs-root.ts";
import { platformIndex } from "./image.ts";
import { testLayer } from "./layer.ts";
import { registryLogin, startRealRegistry } from "./real-registry.ts";

const image = platformIndex([testLayer([{ name: "hello", content: "world" }])]);
const accept = image.top.mediaType;
const basic = `Basic ${Buffer.from(`${registryLogin.username}:${registryLogin.password}`).toString("base64")}`;

test("a real registry takes an image and gives it back", needsRoot, async (t) => {
  const registry = await startRealRegistry(t);
  await registry.push("some/app", ["1", "latest"], image);
  const manifest = await fetch(`${registry.url}/v2/some/app/manifests/latest`, {
    headers: { accept },
  });
  equal(manifest.headers.get("docker-content-digest"), image.top.digest);
});

test("one with passwords wants them", needsRoot, async (t) => {
  const registry = await startRealRegistry(t, "basic");
  await registry.push("app", ["latest"], image);
  const url = `${registry.url}/v2/app/manifests/latest`;
  equal((await fetch(url)).status, 401);
  equal((await fetch(url, { headers: { accept, authorization: basic } })).status, 200);
});

test("one with tokens wants those of its token server", needsRoot, async (t) => {
  const registry = await startRealRegistry(t, "bearer");
  await registry.push("app", ["latest"], image);
  const url = `${registry.url}/v2/app/manifests/latest`;
  const refused = await fetch(url);
  equal(refused.status, 401);
  ok(registry.tokens && refused.headers.get("www-authenticate")?.includes(registry.tokens.realm));
  const ask = `${registry.tokens.realm}?service=crib-registry&scope=repository:app:pull`;
  const status = async (headers: Record<string, string>): Promise<number> => {
    const { token } = (await (await fetch(ask, { headers })).json()) as { readonly token: string };
    return (await fetch(url, { headers: { accept, authorization: `Bearer ${token}` } })).status;
  };
  equal(await status({}), 401);
  equal(await status({ authorization: basic }), 200);
});
