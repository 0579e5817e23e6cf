import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot } from "../support/needs-root.ts";
import { parentOf } from "../support/parent-of.ts";
import type { KubeletPodConfig, PodConfig } from "../support/pod-config.ts";
import { startNode } from "../support/start-node.ts";

/** Hierarchies of cgroup v1, or the one of v2, that have a cgroup at a path. */
function hierarchiesWith(path: string): readonly string[] {
  const mount = "/sys/fs/cgroup";
  const hierarchies = existsSync(join(mount, "cgroup.controllers")) ? [""] : readdirSync(mount);
  return hierarchies.filter((name) => existsSync(join(mount, name, path)));
}

test("cgroups, resources and usage of pods", needsRoot, async (t) => {
  const node = await startNode(t);
  const { runtime } = node.cri;

  await t.test(
    "a pod has a cgroup below the parent that was asked for, in every hierarchy, until it is removed",
    async () => {
      const parent = `${node.lane.cgroup}/kubepods/besteffort/pod1`;
      const pod = await node.runPod({
        change: (config) => ({ ...config, linux: { ...config.linux, cgroupParent: parent } }),
      });
      const path = `${parent}/crib-${pod.id}`;
      equal((await pod.info()).sandboxMetadata["cgroupPath"], path);
      deepEqual(hierarchiesWith(path), hierarchiesWith("."));
      await pod.stop();
      await pod.remove();
      deepEqual(hierarchiesWith(path), []);
    },
  );

  await t.test("a systemd slice stands for its path", async () => {
    const slice = `cribt${node.lane.number}-besteffort.slice`;
    const pod = await node.runPod({
      change: (config) => ({ ...config, linux: { ...config.linux, cgroupParent: slice } }),
    });
    equal((await pod.info()).sandboxMetadata["cgroupPath"], `/cribt${node.lane.number}.slice/${slice}/crib-${pod.id}`);
    await pod.remove();
  });

  await t.test("a parent that leads out of the hierarchy is refused", async () => {
    for (const cgroupParent of ["/../../tmp", "relative", "/a/../b", "a\0b.slice", "/a\nb"])
      await rejects(node.runPod({ change: (config) => ({ ...config, linux: { ...config.linux, cgroupParent } }) }), {
        code: Code.InvalidArgument,
      });
  });

  await t.test("a parent that did not exist goes with the last pod below it, one that did stays", async () => {
    const existing = `${node.lane.cgroup}/existing`;
    for (const name of hierarchiesWith(".")) mkdirSync(join("/sys/fs/cgroup", name, existing), { recursive: true });
    const below = (parent: string): { readonly change: (config: KubeletPodConfig) => PodConfig } => ({
      change: (config) => ({ ...config, linux: { ...config.linux, cgroupParent: parent } }),
    });
    const first = await node.runPod(below(`${existing}/made/deep`));
    const second = await node.runPod(below(`${existing}/made/deep`));
    await first.remove();
    ok(hierarchiesWith(`${existing}/made/deep`).length > 0, "the second pod still needs it");
    await second.remove();
    deepEqual(hierarchiesWith(`${existing}/made`), []);
    ok(hierarchiesWith(existing).length > 0, "it was there before");
  });

  await t.test("the pause process runs in the pod's cgroup, its shim does not", async () => {
    const pod = await node.runPod({ handler: "paused" });
    const { pid } = await pod.info();
    const cgroup = `${node.lane.cgroup}/crib-${pod.id}`;
    ok(readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(cgroup), "pause");
    const shim = parentOf(pid);
    const shimCgroup = readFileSync(`/proc/${shim}/cgroup`, "utf8");
    equal(shimCgroup.includes(cgroup), false, "shim");
    ok(shimCgroup.includes(`${node.lane.cgroup}/shims`), shimCgroup);
  });

  await t.test("new resources and overhead are kept, shown, and survive a crash", async () => {
    const pod = await node.runPod();
    await runtime.updatePodSandboxResources({
      podSandboxId: pod.id,
      resources: { memoryLimitInBytes: 67_108_864n, cpuShares: 512n },
      overhead: { memoryLimitInBytes: 1_048_576n },
    });
    await node.restart();
    const info = (await pod.info()) as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    ok(JSON.stringify(info["resources"]).includes("67108864"), JSON.stringify(info["resources"]));
    ok(JSON.stringify(info["overhead"]).includes("1048576"), JSON.stringify(info["overhead"]));
    await rejects(node.cri.runtime.updatePodSandboxResources({ podSandboxId: "0".repeat(64) }), {
      code: Code.NotFound,
    });
  });

  await t.test("usage counts the pod's packets and processes", async () => {
    const pod = await node.runPod({
      handler: "paused",
      change: (config) => ({
        ...config,
        labels: { usage: "yes" },
        linux: { ...config.linux, cgroupParent: `${node.lane.cgroup}/usage` },
      }),
    });
    await pod.exec(["ping", "-c", "3", "-i", "0.01", `${node.lane.prefix}.1`]);
    const { runtime } = node.cri;
    const { stats } = await runtime.podSandboxStats({ podSandboxId: pod.id });
    equal(stats?.attributes?.id, pod.id);
    deepEqual(stats.attributes.labels, { usage: "yes" });
    equal(stats.linux?.network?.defaultInterface?.name, "eth0");
    ok((stats.linux.network.defaultInterface.txBytes?.value ?? 0n) > 200n);
    equal(stats.linux.process?.processCount?.value, 1n);
    ok((stats.linux.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
    ok((stats.linux.memory?.workingSetBytes?.value ?? 0n) > 0n);

    const listed = await runtime.listPodSandboxStats({ filter: { labelSelector: { usage: "yes" } } });
    deepEqual(
      listed.stats.map((one) => one.attributes?.id),
      [pod.id],
    );
    const streamed: unknown[] = [];
    for await (const { podSandboxStats } of runtime.streamPodSandboxStats({})) streamed.push(...podSandboxStats);
    ok(streamed.length >= 1);
    await rejects(runtime.podSandboxStats({ podSandboxId: "0".repeat(64) }), { code: Code.NotFound });
  });
});
