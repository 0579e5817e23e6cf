import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { status } from "@crib/registry/testing";

import { eventually } from "../support/eventually.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { type Compression, testLayer } from "../support/images/layer.ts";
import { startFaultyRegistry } from "../support/images/serve-image.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { writeHosts } from "../support/images/write-hosts.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";

// CVE-2021-33635, CVE-2021-33636, CVE-2019-14271, CVE-2026-41567
test("no program, library or setting of an image is used by the daemon", needsRoot, async (t) => {
  const target = await startImageNode(t);
  const { node } = target;
  const trace = join(node.lane.dir, "trace");
  const calls = "trace=execve,execveat,clone,clone3,fork,vfork,open,openat,openat2,chroot,chdir,fchdir";
  const strace = spawn("strace", ["-f", "-qq", "-e", calls, "-o", trace, "-p", `${node.daemon.pid}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await eventually(10_000, () => match(readFileSync(`/proc/${node.daemon.pid}/status`, "utf8"), /^TracerPid:\t[1-9]/m));
  const programs = ["tar", "gzip", "gunzip", "unpigz", "zstd", "xz", "sh", "ld.so", "node", "mount", "unzstd"];
  const entries: readonly TarEntry[] = [
    ...["bin", "usr/bin", "usr/local/bin", "sbin", "usr/sbin"].flatMap((dir) =>
      programs.map((name): TarEntry => ({
        name: `${dir}/${name}`,
        mode: 0o4755,
        content: "#!/bin/sh\ntouch /harmed\n",
      })),
    ),
    ...["lib", "lib64", "lib/x86_64-linux-gnu", "usr/lib"].flatMap((dir) =>
      ["libnss_files.so.2", "libnss_image.so.2", "libc.so.6", "libz.so.1"].map((name): TarEntry => ({
        name: `${dir}/${name}`,
        mode: 0o755,
        content: "\x7fELF",
      })),
    ),
    { name: "etc/nsswitch.conf", content: "passwd: image\n" },
    { name: "etc/ld.so.preload", content: "/lib/libnss_image.so.2\n" },
    { name: "etc/passwd", content: "root:x:0:0:\n" },
  ];
  const layers = (["gzip", "zstd", "none"] as Compression[]).map((compression) => testLayer(entries, compression));
  await target.images.remove(await target.pull(testImage(layers)));
  strace.kill("SIGINT");
  await once(strace, "exit");
  const lines = readFileSync(trace, "utf8").split("\n");
  ok(
    lines.some((line) => line.includes("ld.so.preload")),
    "the trace shows nothing of the unpacking",
  );
  deepEqual(
    lines.filter((line) => /\bexecve(at)?\(|\bchroot\(|\bv?fork\(/.test(line)),
    [],
  );
  // What an image brings is written and never read; a thread is no process.
  deepEqual(
    lines.filter((line) => /\bclone3?\(/.test(line) && !line.includes("CLONE_THREAD")),
    [],
  );
  const reads = lines.filter(
    (line) => /ld\.so\.preload|nsswitch|libnss/.test(line) && !/O_CREAT|O_PATH|O_DIRECTORY/.test(line),
  );
  deepEqual(reads, []);
  target.expectUnharmed();
});

// CVE-2021-41103, CVE-2024-25621, CVE-2021-41091
test("a user of the host reaches no file of an image", needsRoot, async (t) => {
  const { node, pull } = await startImageNode(t, { umask: "000" });
  await pull(
    testImage([
      testLayer([
        { name: "bin", type: "directory", mode: 0o777 },
        { name: "bin/su", mode: 0o4755, content: "#!/bin/sh\n" },
        { name: "etc/shadow", mode: 0o666, uid: 65_534, content: "secret" },
      ]),
    ]),
  );
  const everything = (await runProgram(["find", node.root, node.state])).stdout.trim().split("\n");
  ok(
    everything.some((path) => path.endsWith("/bin/su")),
    "the image's files are somewhere else",
  );
  // To pass through a directory is to reach nothing yet.
  const reach =
    'for path; do if [ -r "$path" ] || [ -w "$path" ] || { [ ! -d "$path" ] && [ -x "$path" ]; }; then echo "$path"; fi; done';
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] as const;
  const reached = (await runProgram([...user, "sh", "-c", reach, "sh", ...everything])).stdout;
  deepEqual(reached.trim(), "");
});

// CVE-2026-65388, CVE-2020-15157, CVE-2026-101915
test("credentials get to the registry that they are for and to nobody else", needsRoot, async (t) => {
  const target = await startImageNode(t);
  const { registry, images, node } = target;
  const other = await startFaultyRegistry(t);
  const [username, password] = ["puller", "do-not-tell-anyone"];
  const auth = { username, password };
  const layer = testLayer([{ name: "f" }]);
  const secrets = [password, Buffer.from(`${username}:${password}`).toString("base64")];
  const expectKept = (): void => {
    for (const { path, headers, body } of other.requests) {
      deepEqual(
        [headers.authorization, headers.cookie, headers["proxy-authorization"]],
        [undefined, undefined, undefined],
        path,
      );
      for (const secret of secrets) ok(!`${path}${body}`.includes(secret), path);
    }
    for (const secret of secrets) ok(!node.log().includes(secret), "the log has credentials");
  };

  await t.test("places that a layer names are not asked", async () => {
    other.script({ path: "/" }, status(401, { "www-authenticate": 'Basic realm="give me yours"' }));
    const image = testImage([layer], {
      changeManifest: (json) => ({
        ...json,
        layers: [
          {
            ...(json["layers"] as object[])[0],
            mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            urls: [`${other.origin}/layer`, "file:///etc/shadow"],
          },
        ],
      }),
    });
    const name = target.serve(image);
    await images.pull(name, { auth }).catch(() => {});
    deepEqual(other.requests, []);
    await images.removeAll();
  });
  const realms = [
    `${other.origin.replace("127.0.0.1", "127.0.0.2")}/token`,
    `http://${username}:${password}@${other.host}/token`,
    "https://attacker.invalid/token",
    `${other.origin.replace("127.0.0.1", "localhost")}/token`,
    "file:///etc/passwd",
    `//${other.host}/token`,
    "not a realm",
  ];
  for (const realm of realms) {
    await t.test(`realm ${realm.replace(password, "PASSWORD")}`, async () => {
      const name = target.serve(testImage([layer]));
      registry.reset();
      const challenge = { "www-authenticate": `Bearer realm="${realm}",service="s",scope="repository:x:pull"` };
      registry.script({ path: "/v2/" }, status(401, challenge));
      const failure = await images.pull(name, { auth }).then(
        () => undefined,
        (reason: Error) => reason.message,
      );
      ok(failure !== undefined, "it was pulled");
      for (const secret of secrets) ok(!failure.includes(secret), failure);
      expectKept();
    });
  }
  await t.test("settings with credentials in a URL, which are refused without telling them", async () => {
    const settings = [
      { server: `http://${username}:${password}@${registry.host}` },
      { host: { [`http://${username}:${password}@${registry.host}`]: { capabilities: ["pull", "resolve"] } } },
      { server: registry.origin, header: { authorization: `${password}\n` } },
    ];
    for (const [index, setting] of settings.entries()) {
      writeHosts(join(node.lane.dir, "certs.d"), `wrong${index}.example`, setting);
      await rejects(images.pull(`wrong${index}.example/app:t`), (reason: StatusError) => {
        equal(reason.code, Code.FailedPrecondition);
        for (const secret of secrets) ok(!reason.message.includes(secret), reason.message);
        return true;
      });
    }
    expectKept();
  });
  await t.test("redirects of a manifest and of a layer to another host", async () => {
    registry.reset();
    registry.requireAuth({ kind: "basic", ...auth });
    const image = testImage([layer]);
    const name = target.serve(image);
    for (const path of ["/manifests/t", layer.digest]) {
      registry.script({ path }, status(307, { location: `${other.origin}/elsewhere?X-Signature=a-secret` }));
      const failure = await images.pull(name, { auth }).then(
        () => "it was pulled",
        (reason: Error) => reason.message,
      );
      ok(!failure.includes("a-secret") && failure !== "it was pulled", failure);
      registry.reset();
    }
    ok(other.requests.some(({ path }) => path === "/elsewhere"));
    expectKept();
    equal(await images.pull(name, { auth }), image.id);
  });
});

test("names that lead out of the store lead nowhere", needsRoot, async (t) => {
  const target = await startImageNode(t);
  const { images, canary } = target;
  const names = [
    canary.file,
    `../../../../../..${canary.file}`,
    "sha256:../../x",
    `sha256:${"/".repeat(64)}`,
    "a/../../b",
    "x".repeat(4_000),
    "%2e%2e%2f",
    "a\u0000b",
    "host/../x:t",
    "__proto__",
  ];
  for (const name of names) {
    equal(await images.status(name).catch(() => undefined), undefined, name);
    await images.remove(name).catch(() => {});
    await rejects(images.pull(name), { code: Code.InvalidArgument }, name);
    target.expectUnharmed();
  }
});
