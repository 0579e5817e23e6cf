import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { makeTestCertificates, status } from "@crib/registry/testing";

import { imageCalls } from "../support/images/image-calls.ts";
import { platformIndex } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { registryLogin, startRealRegistry } from "../support/images/real-registry.ts";
import { serveImage, startFaultyRegistry } from "../support/images/serve-image.ts";
import { mirrorAll, writeHosts } from "../support/images/write-hosts.ts";
import type { Lane } from "../support/lane.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

const image = platformIndex([testLayer([{ name: "hello", content: "world" }])]);
const { username, password } = registryLogin;
const auth = Buffer.from(`${username}:${password}`).toString("base64");

function hostsDir({ dir }: Lane): string {
  return join(dir, "certs.d");
}

test("a registry with passwords lets in who has the right one, in each form of AuthConfig", needsRoot, async (t) => {
  const registry = await startRealRegistry(t, "basic");
  await registry.push("app", ["v1"], image);
  const node = await startNode(t);
  const images = imageCalls(node);
  const name = `${registry.host}/app:v1`;
  const forms = [
    { username, password },
    { auth },
    { username, password, serverAddress: registry.host },
    { username, password, serverAddress: `http://${registry.host}/v2/` },
  ];
  for (const form of forms) {
    equal(await images.pull(name, { auth: form }), image.id, JSON.stringify(Object.keys(form)));
    await images.remove(name);
  }
  const wrong = [
    undefined,
    { username, password: "wrong horse" },
    { username, password, serverAddress: "elsewhere.example" },
    { identityToken: "x" },
    { registryToken: "x" },
  ];
  for (const form of wrong) {
    await rejects(images.pull(name, form && { auth: form }), { code: Code.Unauthenticated }, JSON.stringify(form));
  }
  await rejects(images.pull(name, { auth: { auth: "no base64!" } }), { code: Code.InvalidArgument });
  for (const secret of [password, auth, "wrong horse"]) ok(!node.log().includes(secret), "the log has credentials");
});

test("credentials of a file are used where the caller brings none", needsRoot, async (t) => {
  const registry = await startRealRegistry(t, "basic");
  await registry.push("app", ["v1"], image);
  const node = await startNode(t, {
    config: ({ dir }) => {
      const file = join(dir, "auth.json");
      writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { auth } } }), { mode: 0o600 });
      return { registry: { auth_files: [file] } };
    },
  });
  const images = imageCalls(node);
  equal(await images.pull(`${registry.host}/app:v1`), image.id);
  await images.removeAll();
});

test("a registry with a token server gives tokens for what is asked for, to who may have it", needsRoot, async (t) => {
  const registry = await startRealRegistry(t, "bearer");
  await registry.push("team/app", ["v1"], image);
  await registry.push("public/app", ["v1"], image);
  const images = imageCalls(await startNode(t));
  equal(await images.pull(`${registry.host}/public/app:v1`), image.id);
  await rejects(images.pull(`${registry.host}/team/app:v1`), { code: Code.Unauthenticated });
  const before = registry.tokens?.requests.length ?? 0;
  await images.removeAll();
  equal(await images.pull(`${registry.host}/team/app:v1`, { auth: { username, password } }), image.id);
  const asked = registry.tokens?.requests.slice(before) ?? [];
  deepEqual([...new Set(asked.flatMap(({ scopes }) => scopes))], ["repository:team/app:pull"]);
  // One token serves the manifest, the configuration and the layers.
  ok(asked.length <= 2, `${asked.length} tokens`);
  const token = registry.tokens?.issue(["repository:team/app:pull"]) ?? "";
  await images.removeAll();
  equal(await images.pull(`${registry.host}/team/app:v1`, { auth: { registryToken: token } }), image.id);
  await images.removeAll();
});

test("mirrors are asked in their order, by the directory of the registry or that of all", needsRoot, async (t) => {
  const [own, mirror, all] = [await startRealRegistry(t), await startRealRegistry(t), await startRealRegistry(t)];
  const broken = await startFaultyRegistry(t);
  broken.script({ path: "/v2/" }, status(500));
  await own.push("mirrored/team/app", ["v1"], image);
  await mirror.push("team/app", ["v1"], image);
  await all.push("team/app", ["v1"], image);
  const capabilities = ["pull", "resolve"];
  const node = await startNode(t, {
    config: (lane) => {
      const dir = hostsDir(lane);
      mirrorAll(dir, all.url);
      writeHosts(dir, "one.example", { host: { [broken.origin]: { capabilities }, [mirror.url]: { capabilities } } });
      writeHosts(dir, "path.example", {
        host: { [`${own.url}/v2/mirrored`]: { capabilities, override_path: true } },
      });
      writeHosts(dir, "pull-only.example", { server: own.url, host: { [mirror.url]: { capabilities: ["pull"] } } });
      return { registry: { config_path: dir, retry_min: "10ms", tries: 2 } };
    },
  });
  const images = imageCalls(node);
  for (const registry of ["any.example", "one.example", "path.example"]) {
    const name = `${registry}/team/app:v1`;
    equal(await images.pull(name), image.id, registry);
    // Where it came from does not change what it is called.
    deepEqual((await images.status(name))?.repoDigests, [`${registry}/team/app@${image.top.digest}`]);
    await images.remove(name);
  }
  ok(broken.requests.length > 0, "the first mirror was not asked");
  // A mirror that is not trusted with tags is not asked for one, but for content.
  await rejects(images.pull("pull-only.example/team/app:v1"), { code: Code.NotFound });
  equal(await images.pull(`pull-only.example/team/app@${image.top.digest}`), image.id);
  await images.removeAll();
});

test(
  "hosts.toml is read again when it has changed, and one with a mistake is not passed over",
  needsRoot,
  async (t) => {
    const registry = await startRealRegistry(t);
    await registry.push("app", ["v1"], image);
    const node = await startNode(t, { config: (lane) => ({ registry: { config_path: hostsDir(lane) } }) });
    const images = imageCalls(node);
    const dir = hostsDir(node.lane);
    writeHosts(dir, "late.example", { server: registry.url });
    equal(await images.pull("late.example/app:v1"), image.id);
    await images.removeAll();
    writeFileSync(join(dir, "late.example", "hosts.toml"), "server = 5\n");
    await rejects(images.pull("late.example/app:v1"), { code: Code.FailedPrecondition, message: /hosts\.toml/ });
  },
);

test(
  "TLS is verified by the authorities of hosts.toml, with a client certificate where one is asked for",
  needsRoot,
  async (t) => {
    const certificates = makeTestCertificates();
    const { cert, key } = certificates.server;
    const registry = await startFaultyRegistry(t, { tls: { cert, key, clientCa: certificates.ca } });
    serveImage(registry, "app", ["v1"], image);
    const node = await startNode(t, {
      config: (lane) => {
        const dir = hostsDir(lane);
        const files = join(lane.dir, "certificates");
        mkdirSync(files);
        writeFileSync(join(files, "ca.pem"), certificates.ca);
        writeFileSync(join(files, "client.pem"), certificates.client.cert);
        writeFileSync(join(files, "client.key"), certificates.client.key, { mode: 0o600 });
        const client = [[join(files, "client.pem"), join(files, "client.key")]];
        const ca = join(files, "ca.pem");
        writeHosts(dir, "good.example", { server: registry.origin, ca, client });
        writeHosts(dir, "no-client.example", { server: registry.origin, ca });
        writeHosts(dir, "no-ca.example", { server: registry.origin, client });
        writeHosts(dir, "unverified.example", { server: registry.origin, client, skip_verify: true });
        return { registry: { config_path: dir, retry_min: "10ms", tries: 2 } };
      },
    });
    const images = imageCalls(node);
    for (const host of ["good.example", "unverified.example"]) {
      equal(await images.pull(`${host}/app:v1`), image.id, host);
      await images.removeAll();
    }
    for (const host of ["no-client.example", "no-ca.example"]) {
      await rejects(images.pull(`${host}/app:v1`), { code: Code.Unavailable }, host);
    }
  },
);
