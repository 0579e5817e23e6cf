import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { oomScoreAdjFloor } from "@crib/linux";

import { readCgroupLimit } from "../support/containers/cgroup-file.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import type { Container, ContainerConfig } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const invalid = { code: Code.InvalidArgument };
const mebibyte = 2 ** 20;
const memoryLimit = { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" };
const cpuQuota = { controller: "cpu", v1: "cpu.cfs_quota_us", v2: "cpu.max" };

const limits =
  (resources: object) =>
  (config: ContainerConfig): ContainerConfig =>
    Object.assign({}, config, { linux: { ...config.linux, resources } });

test("what containers may use, and what they do", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: () => ({ containers: { rlimits: { RLIMIT_MSGQUEUE: { soft: 1_000, hard: 2_000 } } } }),
  });
  const { node } = scene;
  const { runtime } = node.cri;
  const pod = await node.runPod();
  const memory = (container: Container): string => readCgroupLimit(node, container, memoryLimit);
  const quota = (container: Container): string => readCgroupLimit(node, container, cpuQuota).split(" ")[0] ?? "";

  await t.test("limits are those of its cgroup, and can be changed while it runs", async () => {
    const asked = {
      memoryLimitInBytes: BigInt(64 * mebibyte),
      cpuQuota: 50_000n,
      cpuPeriod: 100_000n,
      cpuShares: 512n,
    };
    const container = await scene.runContainer(pod, { change: limits(asked) });
    deepEqual([memory(container), quota(container)], [`${64 * mebibyte}`, "50000"]);
    const linux = { memoryLimitInBytes: BigInt(96 * mebibyte), cpuQuota: 70_000n, cpuPeriod: 100_000n };
    await runtime.updateContainerResources({ containerId: container.id, linux });
    deepEqual([memory(container), quota(container)], [`${96 * mebibyte}`, "70000"]);
    const { resources } = await container.status();
    deepEqual(
      [resources?.linux?.memoryLimitInBytes, resources?.linux?.cpuQuota, resources?.linux?.cpuShares],
      [BigInt(96 * mebibyte), 70_000n, 512n],
    );
    await node.restart();
    equal((await container.status()).resources?.linux?.cpuQuota, 70_000n);
    await container.stop();
    const late = node.cri.runtime.updateContainerResources({ containerId: container.id, linux: { cpuShares: 2n } });
    await rejects(late, { code: Code.FailedPrecondition });
  });

  await t.test("limits of a container that does not run yet are those that it starts with", async () => {
    const container = await scene.createContainer(pod, {
      change: limits({ memoryLimitInBytes: BigInt(64 * mebibyte) }),
    });
    const linux = { memoryLimitInBytes: BigInt(32 * mebibyte) };
    await node.cri.runtime.updateContainerResources({ containerId: container.id, linux });
    await container.start();
    equal(memory(container), `${32 * mebibyte}`);
    await container.remove();
  });

  await t.test("what cannot be is refused, and what the host has not is no failure", async () => {
    for (const resources of [
      { cpusetCpus: "0-x" },
      { cpuShares: -1n },
      { oomScoreAdj: 1_001n },
      { hugepageLimits: [{ pageSize: "../x", limit: 0n }] },
      { unified: { "a/b": "1" } },
    ])
      await rejects(scene.createContainer(pod, { change: limits(resources) }), invalid);
    const some = { hugepageLimits: [{ pageSize: "2MB", limit: BigInt(4 * mebibyte) }], cpusetCpus: "0" };
    equal(
      await runScript(scene, pod, "grep Cpus_allowed_list /proc/self/status", { change: limits(some) }),
      "Cpus_allowed_list:\t0\n",
    );
  });

  await t.test("how soon it is killed for memory is as asked, as far as the daemon may say so", async () => {
    for (const asked of [-998, 0, 500, 1_000]) {
      const read = await runScript(scene, pod, "cat /proc/1/oom_score_adj", {
        change: limits({ oomScoreAdj: BigInt(asked) }),
      });
      equal(Number(read), Math.max(asked, oomScoreAdjFloor()));
    }
  });

  await t.test("its limits are those of the configuration", async () => {
    // Not that of open files: programs in Go, as runc is, raise it for themselves and may hand it on.
    const limits = await runScript(scene, pod, "grep msgqueue /proc/self/limits | tr -s ' '");
    equal(limits, "Max msgqueue size 1000 2000 bytes \n");
  });

  await t.test("devices are those asked for, with the rights asked for", async () => {
    // One that is not among those that every container has.
    const hostPath = ["/dev/fuse", "/dev/net/tun", "/dev/loop-control"].find((path) => existsSync(path)) ?? "";
    const devices = [
      { hostPath, containerPath: "/dev/mine", permissions: "rw" },
      { hostPath: "/dev/full", containerPath: "/dev/deep/full", permissions: "rwm" },
    ];
    const script = `
      (: <> /dev/mine) || exit 1; ls -l /dev/deep/full | cut -c1
      mknod /tmp/x b 7 0 && (: < /tmp/x) 2>/dev/null && exit 2
      ls /dev/kmsg /dev/mem 2>/dev/null; exit 0`;
    equal(await runScript(scene, pod, script, { change: (config) => ({ ...config, devices }) }), "c\n");
    const readOnly = [{ hostPath, containerPath: "/dev/mine", permissions: "r" }];
    const write = "(: <> /dev/mine) 2>/dev/null && exit 3; exit 0";
    equal(await runScript(scene, pod, write, { change: (config) => ({ ...config, devices: readOnly }) }), "");
    await rejects(
      scene.createContainer(pod, {
        change: (config) => ({
          ...config,
          devices: [{ hostPath: "/dev/crib-has-none", containerPath: "/dev/x", permissions: "r" }],
        }),
      }),
    );
    const asUser = await runScript(scene, pod, "head -c 1 /dev/null; id -u; test -w /dev/null && echo w", {
      change: withSecurity({ runAsUser: { value: 1_000n } }),
    });
    equal(asUser, "1000\nw\n");
  });

  await t.test("usage is counted, of each, of those of a pod, and of those with a label", async () => {
    const other = await node.runPod();
    const mark = (config: ContainerConfig): ContainerConfig => ({
      ...config,
      labels: { usage: "yes" },
      annotations: { a: "b" },
    });
    const busy = await scene.runContainer(other, {
      change: mark,
      script:
        "dd if=/dev/zero of=/file bs=1M count=3 2>/dev/null; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 600",
    });
    const idle = await scene.runContainer(other);
    await eventually(30_000, async () => equal((await busy.log()).at(-1)?.text, "done"));
    const read = () => node.cri.runtime.containerStats({ containerId: busy.id });
    const stats = await eventually(30_000, async () => {
      const { stats } = await read();
      ok((stats?.writableLayer?.usedBytes?.value ?? 0n) >= BigInt(3 * mebibyte));
      return stats;
    });
    deepEqual([stats?.attributes?.id, stats?.attributes?.metadata?.name], [busy.id, busy.config.metadata?.name]);
    deepEqual([stats?.attributes?.labels, stats?.attributes?.annotations], [{ usage: "yes" }, { a: "b" }]);
    ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 50_000_000n);
    ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
    ok((stats?.writableLayer?.inodesUsed?.value ?? 0n) >= 1n);
    const ids = async (filter: object): Promise<readonly string[]> =>
      (await node.cri.runtime.listContainerStats({ filter })).stats
        .map(({ attributes }) => `${attributes?.id}`)
        .toSorted();
    deepEqual(await ids({ podSandboxId: other.id }), [busy.id, idle.id].toSorted());
    deepEqual(await ids({ labelSelector: { usage: "yes" } }), [busy.id]);
    deepEqual(await ids({ id: idle.id.slice(0, 20) }), [idle.id]);
    const { stats: ofPod } = await node.cri.runtime.podSandboxStats({ podSandboxId: other.id });
    deepEqual(
      ofPod?.linux?.containers.map(({ attributes }) => `${attributes?.id}`).toSorted(),
      [busy.id, idle.id].toSorted(),
    );
  });
});
