import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { type AuthOptions, FaultyRegistry, makeTestCertificates, status } from "./testing/index.ts";
import { pullImage } from "./testing/pull-image.ts";
import type { Credentials, FetchOptions, RegistryClient } from "./types.ts";

const signal = new AbortController().signal;
const layer = Buffer.alloc(10_000, "layer");
const user = { kind: "basic", username: "user", password: "correct-horse" } as const;
const as = (credentials: Credentials): FetchOptions => ({ credentials: async () => credentials });

async function serve(t: TestContext, auth: AuthOptions): Promise<FaultyRegistry> {
  const registry = await FaultyRegistry.start();
  t.after(async () => registry[Symbol.asyncDispose]());
  registry.addImage("team/app", "v1", [{ bytes: layer }]);
  registry.addImage("team/other", "v1", [{ bytes: layer }]);
  registry.requireAuth(auth);
  return registry;
}

function open(t: TestContext): RegistryClient {
  const client = createRegistryClient({ configPaths: [], retryMinMs: 1 });
  t.after(() => client.close());
  return client;
}

const imageOf = (registry: FaultyRegistry, name = "app") => parseReference(`${registry.host}/team/${name}:v1`);

test("one token serves all requests of a repository; another repository or user has its own", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer" });
  const client = open(t);
  deepEqual(await pullImage(client, imageOf(registry), as(user), signal), [layer]);
  equal(registry.requestsFor("/token").length, 1);
  equal(registry.requestsFor("/v2/").length, 4);
  await pullImage(client, imageOf(registry), as(user), signal);
  equal(registry.requestsFor("/token").length, 1);
  equal(registry.requestsFor("/v2/").length, 7);
  await pullImage(client, imageOf(registry, "other"), as(user), signal);
  equal(registry.requestsFor("/token").length, 2);
  await rejects(client.fetchManifest(imageOf(registry), as({ ...user, password: "x" }), signal), {
    code: Code.Unauthenticated,
  });
  await rejects(client.fetchManifest(imageOf(registry), {}, signal), { code: Code.Unauthenticated });

  const [first] = registry.requestsFor("/token");
  equal(first?.query.get("service"), "test registry");
  equal(first?.query.get("scope"), "repository:team/app:pull");
});

test("requests that begin at the same time share one token request", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer" });
  const client = open(t);
  await Promise.all(Array.from({ length: 6 }, async () => client.fetchManifest(imageOf(registry), as(user), signal)));
  equal(registry.requestsFor("/token").length, 1);
});

test("a shared token request goes on when one of those who wait is cancelled", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer" });
  const client = open(t);
  const gone = new AbortController();
  registry.script({ path: "/token", times: 1 }, async ({ response }) => {
    gone.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.writeHead(500).end();
  });
  const cancelled = client.fetchManifest(imageOf(registry), as(user), gone.signal);
  const other = client.fetchManifest(imageOf(registry), as(user), signal);
  await rejects(cancelled, { code: Code.Canceled });
  equal((await other).source, registry.host);
});

test("a token that is about to end is renewed before it is refused", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer", expiresIn: 0 });
  deepEqual(await pullImage(open(t), imageOf(registry), as(user), signal), [layer]);
  // Each request is made without a token first, as the one before has no life.
  equal(registry.requestsFor("/token").length, 3);
});

test("anonymous pulls get a token without credentials", async (t) => {
  const registry = await serve(t, { kind: "bearer" });
  deepEqual(await pullImage(open(t), imageOf(registry), {}, signal), [layer]);
  equal(registry.requestsFor("/token")[0]?.headers.authorization, undefined);
});

test("an identity token is exchanged by POST, never sent to the registry", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer", identityToken: "refresh-me-please" });
  const identity = { kind: "identity-token", token: "refresh-me-please" } as const;
  deepEqual(await pullImage(open(t), imageOf(registry), as(identity), signal), [layer]);
  const [request] = registry.requestsFor("/token");
  equal(request?.method, "POST");
  deepEqual(Object.fromEntries(new URLSearchParams(request.body)), {
    grant_type: "refresh_token",
    service: "test registry",
    client_id: "crib",
    scope: "repository:team/app:pull",
    refresh_token: identity.token,
  });
  ok(registry.requestsFor("/v2/").every(({ headers }) => headers.authorization?.includes(identity.token) !== true));
});

test("a registry token is sent as it is, and is not renewed", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer" });
  const token = { kind: "registry-token", token: "registry-token-1" } as const;
  await rejects(pullImage(open(t), imageOf(registry), as(token), signal), {
    code: Code.Unauthenticated,
    message: /the registry token is refused/,
  });
  deepEqual(
    registry.requests.map(({ headers }) => headers.authorization),
    ["Bearer registry-token-1"],
  );
});

test("basic credentials are sent from the start once they were asked for", async (t) => {
  const registry = await serve(t, { ...user, kind: "basic" });
  await pullImage(open(t), imageOf(registry), as(user), signal);
  deepEqual(
    registry.requests.map(({ headers }) => headers.authorization !== undefined),
    [false, true, true, true],
  );
});

test("a token server elsewhere is asked without credentials", async (t) => {
  const { server } = makeTestCertificates();
  const foreign = await FaultyRegistry.start({ tls: server });
  t.after(async () => foreign[Symbol.asyncDispose]());
  foreign.requireAuth({ kind: "bearer" });
  // The same machine under another name, which shares no domain with the first.
  const realm = foreign.origin.replace("127.0.0.1", "localhost");
  const registry = await serve(t, { kind: "bearer" });
  registry.requireAuth({ ...user, kind: "bearer", realm: `${realm}/token` }, foreign);
  for (const credentials of [user, { kind: "identity-token", token: "refresh-me" } as const]) {
    deepEqual(await pullImage(open(t), imageOf(registry), as(credentials), signal), [layer]);
  }
  equal(foreign.requests.length, 2);
  for (const { headers, method, body } of foreign.requests) {
    deepEqual([headers.authorization, method, body], [undefined, "GET", ""]);
  }
});

test("the token server's redirects take no credentials elsewhere", async (t) => {
  const registry = await serve(t, { ...user, kind: "bearer" });
  const other = await serve(t, { kind: "bearer" });
  registry.script(
    { path: "/token" },
    ({ request, response }) => void response.writeHead(307, { location: `${other.origin}${request.path}` }).end(),
  );
  await rejects(pullImage(open(t), imageOf(registry), as(user), signal), { code: Code.Unauthenticated });
  equal(other.requests.length, 1);
  equal(other.requests[0]?.headers.authorization, undefined);
});

test("secrets that a registry repeats are not repeated by the error", async (t) => {
  const secrets = [
    user.password,
    Buffer.from(`${user.username}:${user.password}`).toString("base64"),
    "refresh-me-please",
  ];
  for (const code of [400, 401, 403, 404, 418, 429, 500]) {
    for (const credentials of [user, { kind: "registry-token", token: secrets[2] ?? "" } as const]) {
      const registry = await serve(t, { ...user, kind: "basic" });
      registry.script({ path: "/v2/", after: 1 }, ({ request, response }) => {
        const body = JSON.stringify({ errors: [{ message: `${request.headers.authorization} ${secrets.join(" ")}` }] });
        response.writeHead(code).end(body);
      });
      registry.script({ path: "/v2/", times: 1 }, status(401, { "www-authenticate": "Basic" }));
      const client = createRegistryClient({ configPaths: [], tries: 1 });
      await rejects(client.fetchManifest(imageOf(registry), as(credentials), signal), (error: StatusError) => {
        const known = credentials.kind === "basic" ? secrets.slice(0, 2) : secrets.slice(2);
        for (const secret of known) ok(!error.message.includes(secret), error.message);
        return true;
      });
      client.close();
    }
  }
});
