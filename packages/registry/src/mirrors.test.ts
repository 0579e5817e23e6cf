import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { type ImageReference, parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { FaultyRegistry, flipped, hangUp, type ServedImage, serveWith, status } from "./testing/index.ts";
import { collect, pullImage } from "./testing/pull-image.ts";
import type { Credentials, FindCredentials, RegistryClient } from "./types.ts";

const layer = randomBytes(200_000);
const signal = new AbortController().signal;

interface Stage {
  readonly client: RegistryClient;
  /** Registries that serve the same image. */
  readonly servers: readonly [FaultyRegistry, FaultyRegistry, FaultyRegistry];
  readonly image: ServedImage;
  readonly reference: ImageReference;
}

/** Three registries with one image; `hosts` makes the hosts.toml of the registry `registry.example`. */
async function setStage(t: TestContext, hosts: (servers: Stage["servers"]) => string): Promise<Stage> {
  const servers = [await FaultyRegistry.start(), await FaultyRegistry.start(), await FaultyRegistry.start()] as const;
  t.after(async () => Promise.all(servers.map(async (server) => server[Symbol.asyncDispose]())));
  const [image] = servers.map((server) => server.addImage("team/app", "v1", [{ bytes: layer }]));
  if (image === undefined) throw new Error("no image");
  const root = mkdtempSync(join(tmpdir(), "crib-mirrors-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "registry.example"));
  writeFileSync(join(root, "registry.example/hosts.toml"), hosts(servers));
  const client = createRegistryClient({ configPaths: [root], retryMinMs: 1, tries: 2 });
  t.after(() => client.close());
  return { client, servers, image, reference: parseReference("registry.example/team/app:v1") };
}

const inOrder = (servers: Stage["servers"]): string =>
  `server = "${servers[2].origin}"\n[host."${servers[0].origin}"]\n[host."${servers[1].origin}"]\n`;

test("the first mirror that has it gives it, and is told which registry is meant", async (t) => {
  const { client, servers, reference } = await setStage(t, inOrder);
  const fetched = await client.fetchManifest(reference, {}, signal);
  equal(fetched.source, servers[0].host);
  deepEqual(await pullImage(client, reference, {}, signal), [layer]);
  ok(servers[0].requests.every(({ query }) => query.get("ns") === "registry.example"));
  equal(servers[1].requests.length + servers[2].requests.length, 0);
});

test("a mirror that lacks it, is down or serves something else is passed by", async (t) => {
  const { client, servers, reference } = await setStage(t, inOrder);
  servers[0].script({ path: "/manifests/" }, status(404)).script({ path: "/blobs/" }, flipped);
  servers[1].script({ path: "/manifests/" }, hangUp).script({ path: "/blobs/" }, status(500));
  equal((await client.fetchManifest(reference, {}, signal)).source, servers[2].host);
  await rejects(pullImage(client, reference, {}, signal), { code: Code.DataLoss });
  const skipHosts = new Set([servers[0].host]);
  deepEqual(await pullImage(client, reference, { skipHosts }, signal), [layer]);
});

test("the error has the last reason of each host, and the code of the last one", async (t) => {
  const { client, servers, reference } = await setStage(t, inOrder);
  servers[0].script({ path: "/manifests/" }, status(403));
  servers[1].script({ path: "/manifests/" }, status(500));
  servers[2].script(
    { path: "/manifests/" },
    status(404, {}, JSON.stringify({ errors: [{ message: "gone\u001b[31m" }] })),
  );
  await rejects(client.fetchManifest(reference, {}, signal), (error: StatusError) => {
    equal(error.code, Code.NotFound);
    equal(
      error.message,
      `fetching manifest "registry.example/team/app:v1": ${servers[0].host}: 403 forbidden; ` +
        `${servers[1].host}: 500 internal server error, after 2 tries; ${servers[2].host}: 404 not found: gone\\u{1b}[31m`,
    );
    return true;
  });
});

test("a layer that breaks off for good goes on from the next mirror at the same byte", async (t) => {
  const { client, servers, image, reference } = await setStage(t, inOrder);
  const [blob] = image.layers;
  if (blob === undefined) throw new Error("no layer");
  servers[0]
    .script({ path: blob.digest, times: 1 }, serveWith({ stopAfter: 150_000 }))
    .script({ path: blob.digest }, hangUp);
  servers[1].script({ path: blob.digest }, status(404));
  const stream = await client.openBlob(reference, blob, {}, signal);
  equal(stream.source, servers[0].host);
  deepEqual(await collect(stream), layer);
  equal(stream.source, servers[2].host);
  const [resumed] = servers[2].requestsFor(blob.digest);
  const start = Number(/^bytes=(\d+)-$/.exec(resumed?.headers.range ?? "")?.[1]);
  ok(start > 0 && start <= 150_000, resumed?.headers.range);
});

test("tags are resolved only where that is allowed", async (t) => {
  const { client, servers, image, reference } = await setStage(
    t,
    ([a, b, c]) =>
      `server = "${c.origin}"\n[host."${a.origin}"]\ncapabilities = ["pull"]\n[host."${b.origin}"]\ncapabilities = ["push"]\n`,
  );
  equal((await client.fetchManifest(reference, {}, signal)).source, servers[2].host);
  equal((await client.fetchManifestByDigest(reference, image.manifest, {}, signal)).source, servers[0].host);
  const byDigest = { ...reference, digest: image.manifest.digest };
  equal((await client.fetchManifest(byDigest, {}, signal)).source, servers[0].host);
  equal(servers[1].requests.length, 0);
});

test("no host with the capability is the configuration's mistake; all hosts skipped is DataLoss", async (t) => {
  const { client, servers, reference } = await setStage(t, ([a]) => `server = "${a.origin}"\ncapabilities = ["pull"]`);
  await rejects(client.fetchManifest(reference, {}, signal), { code: Code.FailedPrecondition, message: /"resolve"/ });
  const byDigest = { ...reference, digest: `sha256:${"0".repeat(64)}` } as const;
  const skipHosts = new Set([servers[0].host]);
  await rejects(client.fetchManifest(byDigest, { skipHosts }, signal), { code: Code.DataLoss });
});

test("each host gets its own credentials and headers, and no other's", async (t) => {
  const { client, servers, reference } = await setStage(
    t,
    (servers) => `${inOrder(servers)}[host."${servers[1].origin}".header]\nx-key = ["one", "two"]\n`,
  );
  const users: Readonly<Record<string, Credentials>> = {
    [servers[1].host]: { kind: "basic", username: "mirror", password: "of-the-mirror" },
    "registry.example": { kind: "basic", username: "origin", password: "of-the-origin" },
  };
  const asked: string[] = [];
  const credentials: FindCredentials = async (host, repository) => {
    asked.push(`${host} ${repository}`);
    return users[host];
  };
  for (const server of servers) server.requireAuth({ kind: "basic", username: "nobody", password: "x" });
  await rejects(client.fetchManifest(reference, { credentials }, signal), { code: Code.Unauthenticated });

  deepEqual(
    asked,
    servers.map(({ host }) => `${host} team/app`),
  );
  const sent = (server: FaultyRegistry): readonly string[] =>
    server.requests
      .flatMap(({ headers }) => headers.authorization ?? [])
      .map((text) => Buffer.from(text.slice(6), "base64").toString());
  deepEqual(sent(servers[0]), []);
  deepEqual(sent(servers[1]), ["mirror:of-the-mirror"]);
  deepEqual(sent(servers[2]), []);
  ok(servers[1].requests.every(({ headers }) => headers["x-key"] === "one, two"));
  ok([servers[0], servers[2]].every(({ requests }) => requests.every(({ headers }) => headers["x-key"] === undefined)));
});

test("headers of a host do not follow a redirect to another origin", async (t) => {
  const { client, servers, reference } = await setStage(
    t,
    ([a]) => `server = "${a.origin}"\n[header]\nx-key = "secret"\n`,
  );
  const [a, b] = servers;
  a.requireAuth({ kind: "basic", username: "u", password: "p" });
  a.script({ path: "/blobs/" }, ({ request, response }) => {
    response.writeHead(302, { location: `${b.origin}${request.path}?signature=s`, "set-cookie": "session=1" }).end();
  });
  const credentials: FindCredentials = async () => ({ kind: "basic", username: "u", password: "p" });
  deepEqual(await pullImage(client, reference, { credentials }, signal), [layer]);
  equal(b.requests.length, 2);
  for (const { headers, query } of b.requests) {
    deepEqual([headers["x-key"], headers.authorization, headers.cookie], [undefined, undefined, undefined]);
    equal(query.get("signature"), "s");
  }
});

test("paths of mirrors are prefixes, or all there is", async (t) => {
  const { client, servers, reference } = await setStage(
    t,
    ([a, b, c]) =>
      `server = "${c.origin}"\n[host."${a.origin}/hub"]\n[host."${b.origin}/api/x/"]\noverride_path = true\n`,
  );
  await client.fetchManifest(reference, {}, signal);
  deepEqual(
    servers[0].requests.map(({ path }) => path),
    ["/hub/v2/team/app/manifests/v1"],
  );
  deepEqual(
    servers[1].requests.map(({ path }) => path),
    ["/api/x/team/app/manifests/v1"],
  );
});
