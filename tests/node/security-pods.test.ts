import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { SecurityProfile_ProfileType } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import { securityContext } from "../support/pod-config.ts";
import { startNode } from "../support/start-node.ts";

const invalid = { code: Code.InvalidArgument };

test("no id but one that crib gave reaches a path (GHSA-x7pf-2jmj-pgcq)", needsRoot, async (t) => {
  const node = await startNode(t);
  const { runtime } = node.cri;
  const canary = mkdtempSync(join(tmpdir(), "crib-canary-"));
  t.after(() => rmSync(canary, { recursive: true, force: true }));
  writeFileSync(join(canary, "file"), "untouched");
  const up = "../".repeat(12);
  const ids = [
    `${up}${canary.slice(1)}`,
    canary,
    `${canary}/file`,
    "..",
    ".",
    "x/../..",
    "a".repeat(300),
    "A".repeat(64),
    "0\0",
    "%2e%2e",
    "*",
    " ",
  ];
  for (const podSandboxId of ids) {
    await t.test(JSON.stringify(podSandboxId.slice(0, 30)), async () => {
      const asks = [runtime.podSandboxStatus, runtime.podSandboxStats, runtime.updatePodSandboxResources];
      for (const ask of asks)
        await rejects(ask({ podSandboxId }), (reason: StatusError) => {
          ok(reason.code === Code.NotFound || reason.code === Code.InvalidArgument, `${reason.code} ${reason.message}`);
          return true;
        });
      // Stop and Remove succeed on what is not there.
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
      for (const filter of [{ id: podSandboxId }]) deepEqual((await runtime.listPodSandbox({ filter })).items, []);
      for (const containerId of [podSandboxId]) {
        await rejects(runtime.containerStatus({ containerId }), { code: Code.NotFound });
        await runtime.stopContainer({ containerId });
        await runtime.removeContainer({ containerId });
      }
    });
  }
  deepEqual(readdirSync(canary), ["file"]);
});

test("no name or text of a pod leaves its line, its path or its argument", needsRoot, async (t) => {
  const node = await startNode(t);
  const base = node.podConfig({ name: "hostile" });
  const metadata = { name: "a", namespace: "b", uid: "c", attempt: 0 };
  const changes: Readonly<Record<string, object>> = {
    "a name with a slash": { metadata: { ...metadata, name: "../../etc" } },
    "a namespace with ; and =": { metadata: { ...metadata, namespace: "x;K8S_POD_NAME=y" } },
    "a uid with a line feed": { metadata: { ...metadata, uid: "a\nb" } },
    "a name of 300 letters": { metadata: { ...metadata, name: "a".repeat(300) } },
    "a host name with a line feed": { hostname: "a\n127.0.0.1 kubernetes" },
    "a host name with a slash": { hostname: "../a" },
    "a host name of 65 letters": { hostname: "a".repeat(65) },
    "a DNS server with a line feed": { dnsConfig: { servers: ["10.0.0.1\noptions debug"] } },
    "a DNS server that is none": { dnsConfig: { servers: ["not an address"] } },
    "a search domain with a line feed": { dnsConfig: { searches: ["a\nnameserver 6.6.6.6"] } },
    "a DNS option with a blank and more": { dnsConfig: { options: ["ndots:5\nnameserver 6.6.6.6"] } },
    "a log directory with .. (CVE-2025-0750)": { logDirectory: "/var/log/pods/../../../etc" },
    "a log directory that is relative": { logDirectory: "etc/pods" },
    "a log directory with a NUL": { logDirectory: "/var/log\0/x" },
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.test(`${what} is refused`, async () => {
      await rejects(node.cri.runtime.runPodSandbox({ config: { ...base, ...change } }), invalid);
    });
  }
  deepEqual(await node.leftovers(), []);
});

test("crib neither follows nor changes a log directory (CVE-2025-0750)", needsRoot, async (t) => {
  const node = await startNode(t);
  const outside = join(node.lane.dir, "outside");
  mkdirSync(outside, { mode: 0o750 });
  const link = join(node.lane.dir, "logs");
  symlinkSync(outside, link);
  const pod = await node.runPod({ change: (config) => ({ ...config, logDirectory: join(link, "pod") }) });
  await pod.remove();
  equal(statSync(outside).mode & 0o777, 0o750);
  deepEqual(readdirSync(outside), []);
});

test(
  "annotations of a pod reach the runtime only where its handler lists them (CVE-2023-6476)",
  needsRoot,
  async (t) => {
    const node = await startNode(t, {
      config: () => ({
        runtimes: { paused: { pause: "always" }, listed: { pause: "always", pod_annotations: ["example.com/*"] } },
      }),
    });
    const hostile = {
      "org.systemd.property.ExecStartPre": "'/bin/sh'",
      "org.systemd.property.CollectMode": "'inactive-or-failed'",
      "io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw": "true",
      "io.kubernetes.cri-o.UnifiedCgroup": "memory.max=max",
      "io.kubernetes.cri.sandbox-id": "f".repeat(64),
      "io.kubernetes.cri.container-type": "container",
      "io.containerd.runc.v2.group": "another",
      "run.oci.handler": "wasm",
      "run.oci.hooks.stderr": "/tmp/x",
      "io.katacontainers.config.hypervisor.path": "/bin/sh",
    };
    const specOf = async (handler: string, annotations: Readonly<Record<string, string>>): Promise<string> => {
      const pod = await node.runPod({ handler, change: (config) => ({ ...config, annotations }) });
      const { runtimeSpec } = await pod.info();
      await pod.remove();
      return JSON.stringify({ ...runtimeSpec, hostname: "" })
        .replaceAll(pod.id, "ID")
        .replaceAll(/pod-\d+/g, "POD")
        .replaceAll(`${pod.config.metadata?.uid}`, "UID");
    };

    await t.test("with none listed the specification is as without annotations", async () => {
      equal(await specOf("paused", hostile), await specOf("paused", {}));
    });

    await t.test("those listed are in it, the others are not", async () => {
      const spec = await specOf("listed", { ...hostile, "example.com/a": "yes" });
      match(spec, /"example.com\/a":"yes"/);
      equal(spec, await specOf("listed", { "example.com/a": "yes" }));
    });
  },
);

test("a localhost seccomp profile that is not there never means none (CVE-2023-2431)", needsRoot, async (t) => {
  const node = await startNode(t);
  const dir = join(node.lane.dir, "seccomp");
  mkdirSync(join(dir, "directory"), { recursive: true });
  writeFileSync(join(dir, "bad.json"), "{");
  writeFileSync(join(dir, "empty.json"), "");
  for (const localhostRef of [
    "",
    "relative.json",
    join(dir, "missing.json"),
    join(dir, "directory"),
    join(dir, "bad.json"),
    join(dir, "empty.json"),
    "/dev/zero",
  ]) {
    await t.test(JSON.stringify(localhostRef.replace(dir, "")), async () => {
      const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef };
      await rejects(
        node.runPod({
          handler: "paused",
          change: (config) => ({
            ...config,
            linux: { ...config.linux, securityContext: { ...securityContext({}), seccomp } },
          }),
        }),
      );
      deepEqual(await node.leftovers(), []);
    });
  }
  await t.test("an AppArmor profile without a name is refused too", async () => {
    const apparmor = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: "" };
    await rejects(
      node.runPod({
        change: (config) => ({
          ...config,
          linux: { ...config.linux, securityContext: { ...securityContext({}), apparmor } },
        }),
      }),
      invalid,
    );
  });
});

test("pods that start at the same time share nothing of what they were told (CVE-2021-21334)", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: () => ({ runtimes: { listed: { pause: "always", pod_annotations: ["example.com/*"] } } }),
  });
  const pods = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      node.runPod({
        name: `own-${index}`,
        // A shim each would take long; what is shared would be shared in the plans and statuses too.
        handler: index < 8 ? "listed" : "runc",
        change: (config) => ({
          ...config,
          labels: { own: `${index}` },
          annotations: { [`example.com/${index}`]: `${index}` },
          dnsConfig: { servers: [`10.0.0.${index}`] },
          linux: { ...config.linux, sysctls: { "net.core.somaxconn": `${1_000 + index}` } },
        }),
      }),
    ),
  );
  for (const [index, pod] of pods.entries()) {
    const status = await pod.status();
    deepEqual(status.labels, { own: `${index}` });
    deepEqual(status.annotations, { [`example.com/${index}`]: `${index}` });
    equal((await pod.exec(["cat", "/proc/sys/net/core/somaxconn"])).stdout, `${1_000 + index}\n`);
    const { runtimeSpec } = await pod.info();
    if (index >= 8) continue;
    const annotations = Object.keys(runtimeSpec?.["annotations"] ?? {}).filter((key) => key.startsWith("example.com/"));
    deepEqual(annotations, [`example.com/${index}`]);
  }
});
