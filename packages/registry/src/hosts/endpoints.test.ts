import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { Endpoints } from "./endpoints.ts";

function makeTree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "crib-hosts-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) write(join(root, path), text);
  return root;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const urlsOf = async (endpoints: Endpoints, registry: string): Promise<readonly string[]> =>
  (await endpoints.of(registry)).map(({ scheme, host, path }) => `${scheme}://${host}${path}`);

test("without configuration the registry itself is asked, Docker Hub by its server's name", async () => {
  const endpoints = new Endpoints(["/nonexistent/certs.d"]);
  deepEqual(await urlsOf(endpoints, "docker.io"), ["https://registry-1.docker.io/v2"]);
  deepEqual(await urlsOf(endpoints, "quay.io:8443"), ["https://quay.io:8443/v2"]);
  const [hub] = await endpoints.of("docker.io");
  equal(hub?.credentialsHost, "docker.io");
  equal(hub.namespace, undefined);
  equal(hub.fallsBack, false);
});

test("loopback hosts may speak plain HTTP, and their certificates are not checked", async () => {
  const endpoints = new Endpoints([]);
  const summary = async (registry: string): Promise<string> => {
    const [endpoint] = await endpoints.of(registry);
    return `${endpoint?.scheme} ${endpoint?.fallsBack} ${endpoint?.tls.skipVerify}`;
  };
  equal(await summary("localhost:5000"), "https true true");
  equal(await summary("127.8.9.1:5000"), "https true true");
  equal(await summary("[::1]:5000"), "https true true");
  equal(await summary("localhost:80"), "http false false");
  equal(await summary("localhost:443"), "https false true");
  equal(await summary("localhost"), "https false true");
  equal(await summary("127.0.0.1.example:5000"), "https false false");
  equal(await summary("10.0.0.1:5000"), "https false false");
});

test("a host's directory has one of two names; _default is for all others; the first path wins", async (t) => {
  const tree = {
    "one/a.example_5000_/hosts.toml": 'server = "https://underscore"',
    "one/a.example:5000/hosts.toml": 'server = "https://colon"',
    "one/b.example:5000/hosts.toml": 'server = "https://b"',
    "two/c.example/hosts.toml": 'server = "https://c"',
    "two/_default/hosts.toml": '[host."https://mirror"]',
  };
  const root = makeTree(t, tree);
  const endpoints = new Endpoints([join(root, "one"), join(root, "two")]);
  deepEqual(await urlsOf(endpoints, "a.example:5000"), ["https://underscore/v2"]);
  deepEqual(await urlsOf(endpoints, "b.example:5000"), ["https://b/v2"]);
  deepEqual(await urlsOf(endpoints, "c.example"), ["https://c/v2"]);
  deepEqual(await urlsOf(endpoints, "d.example"), ["https://mirror/v2", "https://d.example/v2"]);
});

test("a mirror has its own credentials and is told the registry's name", async (t) => {
  const root = makeTree(t, {
    "docker.io/hosts.toml": `server = "https://docker.io"
      [host."http://mirror.example:5000/hub/v2"]
      [host."https://proxy.example/api/docker"]
      override_path = true
      [host."https://registry-1.docker.io"]`,
  });
  const all = await new Endpoints([root]).of("docker.io");
  deepEqual(
    all.map(({ scheme, host, path, credentialsHost, namespace }) => [
      `${scheme}://${host}${path}`,
      credentialsHost,
      namespace,
    ]),
    [
      ["http://mirror.example:5000/hub/v2", "mirror.example:5000", "docker.io"],
      ["https://proxy.example/api/docker", "proxy.example", "docker.io"],
      ["https://registry-1.docker.io/v2", "docker.io", undefined],
      ["https://registry-1.docker.io/v2", "docker.io", undefined],
    ],
  );
});

test("plain HTTP with TLS settings means: TLS first", async (t) => {
  const root = makeTree(t, { "r.example/hosts.toml": '[host."http://10.0.0.1:5000"]\nskip_verify = true' });
  const [mirror] = await new Endpoints([root]).of("r.example");
  deepEqual([mirror?.scheme, mirror?.fallsBack, mirror?.tls.skipVerify], ["https", true, true]);
});

test("files are read again when they, or certificates, have changed", async (t) => {
  const root = makeTree(t, {
    "r.example/hosts.toml": 'server = "https://one"\nca = "ca.pem"',
    "r.example/ca.pem": pem("A"),
  });
  const endpoints = new Endpoints([root]);
  const first = await endpoints.of("r.example");
  equal(await endpoints.of("r.example"), first);

  write(join(root, "r.example/ca.pem"), pem("BB"));
  const second = await endpoints.of("r.example");
  equal(second[0]?.tls.id === first[0]?.tls.id, false);

  write(join(root, "r.example/hosts.toml"), 'server = "https://two"');
  deepEqual(await urlsOf(endpoints, "r.example"), ["https://two/v2"]);
  rmSync(join(root, "r.example"), { recursive: true });
  deepEqual(await urlsOf(endpoints, "r.example"), ["https://r.example/v2"]);
  write(join(root, "r.example/hosts.toml"), 'server = "https://three"');
  deepEqual(await urlsOf(endpoints, "r.example"), ["https://three/v2"]);
});

test("without hosts.toml, certificates are found as Docker lays them", async (t) => {
  const root = makeTree(t, {
    "r.example/own.crt": pem("A"),
    "r.example/me.cert": pem("B"),
    "r.example/me.key": pem("C"),
    "r.example/notes.txt": "x",
  });
  const [endpoint] = await new Endpoints([root]).of("r.example");
  deepEqual(endpoint?.tls.authorities, [pem("A")]);
  deepEqual(endpoint.tls.clients, [{ certificate: pem("B"), key: pem("C") }]);

  rmSync(join(root, "r.example/me.key"));
  await rejects(new Endpoints([root]).of("r.example"), {
    code: Code.FailedPrecondition,
    message: /me\.cert": expected "me\.key"/,
  });
});

test("a mistake in the files fails the pull, naming the file and the key", async (t) => {
  const root = makeTree(t, {
    "a/hosts.toml": 'ca = "missing.pem"',
    "b/hosts.toml": 'client = "bad.pem"',
    "b/bad.pem": "no pem",
    "c/hosts.toml/x": "",
  });
  const endpoints = new Endpoints([root]);
  const code = Code.FailedPrecondition;
  await rejects(endpoints.of("a"), { code, message: /^reading ca file ".*missing\.pem": there is no such file$/ });
  await rejects(endpoints.of("b"), { code, message: /^reading client file ".*bad\.pem": expected PEM$/ });
  await rejects(endpoints.of("c"), { code, message: /hosts\.toml/ });
});

function pem(content: string): string {
  return `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;
}
