import { equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { FaultyRegistry } from "./testing/index.ts";
import type { RegistryClient } from "./types.ts";

const signal = new AbortController().signal;
const variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/** A client that was made in an environment with these variables and no other ones of proxies. */
function openIn(
  t: TestContext,
  environment: Readonly<Record<string, string>>,
  configPaths: readonly string[],
): RegistryClient {
  const before = variables.map((name) => [name, process.env[name]] as const);
  for (const name of variables) delete process.env[name];
  Object.assign(process.env, environment);
  const client = createRegistryClient({ configPaths, tries: 1 });
  for (const [name, value] of before) {
    delete process.env[name];
    if (value !== undefined) process.env[name] = value;
  }
  t.after(() => client.close());
  return client;
}

test("the environment's proxy is used, but not for the loopback network or NO_PROXY", async (t) => {
  // A registry that takes requests with a whole URL is as good as a proxy.
  const proxy = await FaultyRegistry.start();
  t.after(async () => proxy[Symbol.asyncDispose]());
  proxy.addImage("team/app", "v1", []);
  const root = mkdtempSync(join(tmpdir(), "crib-proxy-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "_default"));
  writeFileSync(join(root, "_default/hosts.toml"), 'server = "http://registry.invalid"');
  const reference = parseReference("registry.invalid/team/app:v1");

  const proxied = openIn(t, { HTTP_PROXY: proxy.origin }, [root]);
  ok((await proxied.fetchManifest(reference, {}, signal)).bytes.length > 0);
  equal(proxy.requests.length, 1);
  equal(proxy.requests[0]?.headers.host, "registry.invalid");

  const excluded = openIn(t, { HTTP_PROXY: proxy.origin, NO_PROXY: "registry.invalid" }, [root]);
  await rejects(excluded.fetchManifest(reference, {}, signal), {
    code: Code.Unavailable,
    message: /ENOTFOUND|EAI_AGAIN/,
  });

  const dead = openIn(t, { HTTP_PROXY: "http://127.0.0.1:1", HTTPS_PROXY: "http://127.0.0.1:1" }, []);
  ok((await dead.fetchManifest(parseReference(`${proxy.host}/team/app:v1`), {}, signal)).bytes.length > 0);
});
