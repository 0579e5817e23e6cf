import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { type ImageReference, parseReference } from "@crib/oci-spec";

import { createRegistryClient } from "./registry-client.ts";
import { FaultyRegistry, makeTestCertificates, redirectTo } from "./testing/index.ts";
import { pullImage } from "./testing/pull-image.ts";
import type { FindCredentials, RegistryClient } from "./types.ts";

const certificates = makeTestCertificates();
const signal = new AbortController().signal;
const layer = Buffer.alloc(100_000, "layer");

async function serve(t: TestContext, tls?: "plain" | "wantsClient"): Promise<FaultyRegistry> {
  const { server, ca } = certificates;
  const registry = await FaultyRegistry.start(
    tls === "plain" ? {} : { tls: { ...server, ...(tls === "wantsClient" && { clientCa: ca }) } },
  );
  t.after(async () => registry[Symbol.asyncDispose]());
  registry.addImage("team/app", "v1", [{ bytes: layer }]);
  return registry;
}

interface Opened {
  readonly client: RegistryClient;
  readonly reference: ImageReference;
  readonly retries: readonly string[];
}

/** A client with these files in the directory of `r.example`, which stands for the registry. */
function open(t: TestContext, files: Readonly<Record<string, string>>): Opened {
  const root = mkdtempSync(join(tmpdir(), "crib-tls-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, "r.example", name)), { recursive: true });
    writeFileSync(join(root, "r.example", name), text);
  }
  const retries: string[] = [];
  const client = createRegistryClient({
    configPaths: [root],
    retryMinMs: 1,
    onRetry: ({ reason }) => retries.push(reason),
  });
  t.after(() => client.close());
  return { client, reference: parseReference("r.example/team/app:v1"), retries };
}

test("a private authority and a client's certificate are used as configured", async (t) => {
  const registry = await serve(t, "wantsClient");
  const { client, reference } = open(t, {
    "hosts.toml": `server = "${registry.origin}"\nca = "ca.pem"\nclient = [["client.cert", "client.key"]]`,
    "ca.pem": certificates.ca,
    "client.cert": certificates.client.cert,
    "client.key": certificates.client.key,
  });
  deepEqual(await pullImage(client, reference, {}, signal), [layer]);
});

test("without its client certificate a registry that wants one is not reached", async (t) => {
  const registry = await serve(t, "wantsClient");
  const { client, reference } = open(t, {
    "hosts.toml": `server = "${registry.origin}"\nca = "ca.pem"`,
    "ca.pem": certificates.ca,
  });
  await rejects(client.fetchManifest(reference, {}, signal), { code: Code.Unavailable });
  equal(registry.requests.length, 0);
});

test("a certificate that nobody vouches for is refused at once, unless skip_verify says otherwise", async (t) => {
  const registry = await serve(t);
  const strict = open(t, { "hosts.toml": `server = "${registry.origin}"` });
  await rejects(strict.client.fetchManifest(strict.reference, {}, signal), {
    code: Code.Unavailable,
    message: /r\.example\/team\/app:v1": 127\.0\.0\.1:\d+: .*(?:SELF_SIGNED|UNABLE_TO)/,
  });
  deepEqual(strict.retries, []);
  const loose = open(t, { "hosts.toml": `server = "${registry.origin}"\nskip_verify = true` });
  deepEqual(await pullImage(loose.client, loose.reference, {}, signal), [layer]);
});

test("certificates that cannot be used are named as the reason", async (t) => {
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const { client, reference } = open(t, {
    "hosts.toml": 'server = "https://127.0.0.1:1"\nclient = "c.pem"',
    "c.pem": broken,
  });
  await rejects(client.fetchManifest(reference, {}, signal), {
    code: Code.FailedPrecondition,
    message: /certificates or keys cannot be used/,
  });
});

test("a loopback host without configuration speaks TLS or plain HTTP, as it likes", async (t) => {
  for (const kind of [undefined, "plain"] as const) {
    const registry = await serve(t, kind);
    const { client } = open(t, {});
    const reference = parseReference(`${registry.host}/team/app:v1`);
    deepEqual(await pullImage(client, reference, {}, signal), [layer]);
    equal(registry.requests.length, 3);
  }
});

test("http with TLS settings is tried by TLS first", async (t) => {
  for (const kind of [undefined, "plain"] as const) {
    const registry = await serve(t, kind);
    const { client, reference } = open(t, { "hosts.toml": `[host."http://${registry.host}"]\nskip_verify = true` });
    deepEqual(await pullImage(client, reference, {}, signal), [layer]);
  }
});

test("a redirect from TLS to plain HTTP is not followed", async (t) => {
  const [registry, plain] = [await serve(t), await serve(t, "plain")];
  registry.script({ path: "/blobs/" }, redirectTo(plain.origin, "?token=secret"));
  const { client, reference } = open(t, { "hosts.toml": `server = "${registry.origin}"\nskip_verify = true` });
  await rejects(pullImage(client, reference, {}, signal), {
    code: Code.InvalidArgument,
    message:
      /redirect is not followed: it leads from TLS to plain HTTP, http:\/\/127\.0\.0\.1:\d+\/v2\/team\/app\/blobs\/sha256:[0-9a-f]+$/,
  });
  equal(plain.requests.length, 0);
});

test("a token server without TLS gets nothing from a registry with TLS", async (t) => {
  const [registry, plain] = [await serve(t), await serve(t, "plain")];
  registry.requireAuth({ kind: "bearer", realm: `${plain.origin}/token`, username: "u", password: "p" });
  const credentials: FindCredentials = async () => ({ kind: "basic", username: "u", password: "p" });
  const { client, reference } = open(t, { "hosts.toml": `server = "${registry.origin}"\nskip_verify = true` });
  await rejects(client.fetchManifest(reference, { credentials }, signal), {
    code: Code.InvalidArgument,
    message: /realm\) is refused: it is plain http, and the registry speaks TLS/,
  });
  equal(plain.requests.length, 0);
});

test("a client's certificate is not shown to another origin", async (t) => {
  const [registry, other] = [await serve(t, "wantsClient"), await serve(t, "wantsClient")];
  registry.script({ path: "/blobs/" }, redirectTo(other.origin));
  const { client, reference } = open(t, {
    "hosts.toml": `server = "${registry.origin}"\nca = "ca.pem"\nclient = "both.pem"`,
    "ca.pem": certificates.ca,
    "both.pem": certificates.client.cert + certificates.client.key,
  });
  await client.fetchManifest(reference, {}, signal);
  await rejects(pullImage(client, reference, {}, signal), { code: Code.Unavailable });
  equal(other.requests.length, 0);
});

test("a proxy that is configured for a host is used, for TLS too", async (t) => {
  const registry = await serve(t);
  const tunnels: string[] = [];
  const proxy = createServer((client: Socket) => {
    client.once("data", (head) => {
      tunnels.push(head.toString("latin1").split("\r\n", 1)[0] ?? "");
      const upstream = connect(Number(registry.host.split(":")[1]), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      for (const socket of [client, upstream]) socket.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => proxy.close());
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { client, reference } = open(t, {
    "hosts.toml": `server = "https://localhost:1234"\nca = "ca.pem"\nproxy = "${proxyUrl}"`,
    "ca.pem": certificates.ca,
  });
  deepEqual(await pullImage(client, reference, {}, signal), [layer]);
  ok(
    tunnels.every((line) => line === "CONNECT localhost:1234 HTTP/1.1"),
    tunnels.join(),
  );
  client.close();
});
