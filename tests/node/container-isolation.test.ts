import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, ContainerConfig } from "../support/containers/container.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

/** Keys that runtimes, shims, sandboxers, plugins and daemons of the field read. */
const runtimeKeys = [
  "cpu-load-balancing.crio.io",
  "cpu-quota.crio.io",
  "crib.dev/command",
  "containerd.io/gc.root",
  "containerd.io/gc.expire",
  "containerd.io/snapshot/overlayfs.mapping",
  "containerd.io/distribution.source.example.com",
  "io.cri-containerd.image",
  "io.cri-containerd.pinned",
  "io.cri-containerd.kind",
  "io.containerd.image.config.stop-signal",
  "io.containerd.runc.v2.group",
  "io.containerd.shim.cgroup",
  "io.container.manager",
  "io.katacontainers.config.hypervisor.path",
  "io.katacontainers.config.agent.kernel_modules",
  "io.kubernetes.cri-o.Devices",
  "io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel",
  "io.kubernetes.cri-o.UnifiedCgroup",
  "io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw",
  "io.kubernetes.cri-o.umask",
  "io.kubernetes.cri-o.userns-mode",
  "io.kubernetes.cri.container-type",
  "io.kubernetes.cri.image-name",
  "io.kubernetes.cri.sandbox-id",
  "io.kubernetes.cri.untrusted-workload",
  "org.criu.config",
  "org.opencontainers.image.stopSignal",
  "org.opencontainers.runtime-spec.features",
  "org.systemd.property.CollectMode",
  "org.systemd.property.ExecStartPre",
  "org.systemd.property.MemoryMax",
  "run.oci.handler",
  "run.oci.hooks.stderr",
  "run.oci.keep_original_groups",
  "run.oci.mount_context_type",
  "run.oci.systemd.subgroup",
  "seccomp.security.alpha.kubernetes.io/pod",
  "container.apparmor.security.beta.kubernetes.io/app",
  "__proto__",
  "constructor",
];

const hostile = Object.fromEntries(runtimeKeys.map((key) => [key, "/bin/sh -c 'touch /harmed'"]));

/** The specification of a container without the names that are its own. */
async function specOf(container: Container): Promise<string> {
  const { runtimeSpec, image } = await container.info();
  ok(runtimeSpec !== undefined);
  const { metadata } = container.config;
  let text = JSON.stringify(runtimeSpec)
    .replaceAll(container.id, "ID")
    .replaceAll(container.pod.id, "POD")
    .replaceAll(`${container.pod.config.metadata?.uid}`, "UID")
    .replaceAll(`${container.pod.config.hostname}`, "HOSTNAME");
  for (const name of [`${metadata?.name}`, (image as { readonly id: string }).id]) text = text.replaceAll(name, "NAME");
  return text;
}

async function runPlain(scene: ContainerNode, pod: Pod, change = (config: ContainerConfig) => config, image?: string) {
  return scene.runContainer(pod, { change, ...(image !== undefined && { image }) });
}

test("what clients and images only pass on decides nothing", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const pod = await scene.node.runPod();
  const plain = await runPlain(scene, pod);
  const expected = await specOf(plain);

  await t.test("the specifications of two containers can differ", async () => {
    const other = await runPlain(scene, pod, (config) => ({ ...config, workingDir: "/tmp" }));
    notEqual(await specOf(other), expected);
    await other.remove();
  });

  await t.test("annotations of pod and container reach no runtime (CVE-2023-6476, CVE-2024-3154)", async () => {
    ok(runtimeKeys.length >= 40);
    const marked = await scene.node.runPod({
      change: (config) => ({ ...config, annotations: hostile, labels: hostile }),
    });
    const change = (config: ContainerConfig): ContainerConfig => ({ ...config, annotations: hostile, labels: hostile });
    const container = await runPlain(scene, marked, change);
    equal(await specOf(container), expected);
    const { annotations, labels } = await container.status();
    deepEqual([{ ...annotations }, { ...labels }], [{ ...hostile }, { ...hostile }]);
    await marked.remove();
    // These choose among what the daemon's configuration and the host name; there is nothing here.
    for (const key of ["cdi.k8s.io/gpu", "io.kubernetes.cri.rdt-class", "io.kubernetes.cri.blockio-class"])
      await rejects(runPlain(scene, pod, (config) => ({ ...config, annotations: { [key]: "../x" } })));
  });

  await t.test("labels and annotations of an image stay with the image (CVE-2026-53488)", async () => {
    const mark = (manifest: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
      ...manifest,
      annotations: hostile,
      layers: (manifest["layers"] as readonly object[]).map((layer) => ({ ...layer, annotations: hostile })),
    });
    const entries = [{ name: "etc/mark", content: "" }];
    const image = await scene.pull(busyboxWith(entries, { config: { Labels: hostile }, changeManifest: mark }));
    const bare = await scene.pull(busyboxWith(entries));
    const container = await runPlain(scene, pod, undefined, image);
    equal(await specOf(container), await specOf(await runPlain(scene, pod, undefined, bare)));
    equal((await scene.images.status(image))?.pinned, false);
    const { annotations, labels } = await container.status();
    deepEqual([{ ...annotations }, { ...labels }], [{}, {}]);
    await container.remove();
    await scene.images.remove(image);
    equal(await scene.images.status(image), undefined);
  });

  await t.test("200 containers made at once have each its own environment (CVE-2021-21334)", async () => {
    const image = await scene.pull(
      busyboxWith([{ name: "etc/mark2", content: "" }], { config: { Env: ["PATH=/bin", "SHARED=image"] } }),
    );
    const many = await scene.node.runPod();
    const containers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        scene.createContainer(many, {
          image,
          script: "env | sort",
          change: (config) => ({
            ...config,
            envs: [
              { key: `OWN_${index}`, value: Buffer.from(`${index}`) },
              { key: "SHARED", value: Buffer.from(`${index}`) },
            ],
            args: [`${index}`],
          }),
        }),
      ),
    );
    for (const [index, container] of containers.entries()) {
      const { runtimeSpec } = await container.info();
      const { env, args } = (
        runtimeSpec as { readonly process: { readonly env: readonly string[]; readonly args: readonly string[] } }
      ).process;
      deepEqual(env.filter((entry) => /^(OWN_|SHARED)/.test(entry)).toSorted(), [
        `OWN_${index}=${index}`,
        `SHARED=${index}`,
      ]);
      equal(args.at(-1), `${index}`);
    }
    for (const index of [0, 99, 199]) {
      const container = containers[index] as Container;
      await container.start();
      equal((await container.ended(30_000)).exitCode, 0);
      const own = (await container.log()).map(({ text }) => text).filter((line) => line.startsWith("OWN_"));
      deepEqual(own, [`OWN_${index}=${index}`]);
    }
    // All of it is gone with the pod, which others of this file need not wait for.
    await many.remove();
    match(await plain.sh("env"), /^HOSTNAME=/m);
  });
});
