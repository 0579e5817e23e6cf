import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestOptions } from "node:test";

import { ContainerState, NamespaceMode } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { expectUnreachableShims } from "../support/containers/unreachable-shims.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { type PodConfig, securityContext } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";

/** The runc of the distribution may be too old for user namespaces; this one is fetched by scripts/fetch-shims. */
const [runc] = globSync(join(import.meta.dirname, "../../.tools/runc/*/runc"));
const needsRunc: TestOptions =
  runc === undefined && process.env["CI"] !== "true"
    ? { skip: "no runc that offers user namespaces in .tools/runc" }
    : needsRoot;

const mebibyte = 2 ** 20;
const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");
/** Takes 64 MiB at once, in a process of its own. */
const greedy = "dd if=/dev/zero of=/dev/null bs=64M count=1; exit $?";

/** Makes a cgroup with a limit of memory, as the kubelet makes that of a pod. */
function limitMemory(cgroup: string, bytes: number): void {
  const dir = join("/sys/fs/cgroup", isUnified ? "" : "memory", cgroup);
  mkdirSync(dir, { recursive: true });
  if (isUnified) writeFileSync("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
  writeFileSync(join(dir, isUnified ? "memory.max" : "memory.limit_in_bytes"), `${bytes}`);
}

/** Paths of a process in the hierarchies that can limit memory or stop it. */
function cgroupsOf(pid: number): readonly string[] {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  const controllers = /^\d+:(.*\b(memory|freezer|pids|cpu)\b.*|):/;
  return lines.filter((line) => controllers.test(line)).map((line) => line.split(":").slice(2).join(":"));
}

function oomScoreAdj(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
}

async function pidOf(container: Container): Promise<number> {
  return ((await container.info()) as { readonly pid: number }).pid;
}

/** A pod whose cgroup's parent has a limit. */
async function runLimitedPod(scene: ContainerNode, name: string, bytes: number): Promise<Pod> {
  const cgroupParent = `${scene.node.lane.cgroup}/kubepods/${name}`;
  limitMemory(cgroupParent, bytes);
  return scene.node.runPod({ change: (config) => ({ ...config, linux: { ...config.linux, cgroupParent } }) });
}

test("shims and what they serve", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;

  await t.test("a shim listens where nobody but root gets, not even from the host's network (CVE-2020-15257)", () =>
    expectUnreachableShims(scene, 5),
  );

  await t.test("the limit of a pod kills in its containers only (CVE-2019-14891)", async () => {
    const pod = await runLimitedPod(scene, "oom", 32 * mebibyte);
    const stays = await scene.runContainer(pod);
    const shim = shimOf(node, pod.id);
    // What once took the log of a container was in the pod's own cgroup: a flood of output before the kill is what hurt it.
    const lines = 16_384;
    const script = `yes 0123456789abcde | head -n ${lines}; ${greedy}`;
    const victims = await Promise.all(Array.from({ length: 3 }, () => scene.runContainer(pod, { script })));
    const expectKilled = async (victim: Container): Promise<void> => {
      const { exitCode, reason } = await victim.ended(30_000);
      deepEqual([exitCode, reason], [137, "OOMKilled"]);
      equal((await victim.log()).filter(({ text }) => text === "0123456789abcde").length, lines);
    };
    for (const victim of victims) await expectKilled(victim);
    equal((await stays.status()).state, ContainerState.CONTAINER_RUNNING);
    equal(shimOf(node, pod.id), shim);
    process.kill(shim, 0);
    // It starts with the daemon's, and makes itself one less important.
    ok(oomScoreAdj(shim) <= oomScoreAdj(node.daemon.pid) + 1, `${oomScoreAdj(shim)}`);
    for (const path of cgroupsOf(shim)) ok(!path.includes("/kubepods/"), path);
    for (const path of cgroupsOf(await pidOf(stays))) ok(path.startsWith(`${node.lane.cgroup}/kubepods/oom/`), path);
    // Nor is what happened forgotten.
    await node.restart();
    for (const victim of victims) await expectKilled(victim);
    equal(shimOf(node, pod.id), shim);
    await stays.stop();
    equal((await stays.status()).exitCode, 0);
    equal(await runScript(scene, pod, "echo again"), "again\n");
    await pod.remove();
  });

  await t.test(
    "the limit of a container kills in it only, and an exec that takes too much is no end of it",
    async () => {
      const pod = await node.runPod();
      const change = (config: object): object => ({
        ...config,
        linux: { resources: { memoryLimitInBytes: BigInt(16 * mebibyte) } },
      });
      const limited = await scene.runContainer(pod, { change });
      const other = await scene.runContainer(pod);
      const { exitCode } = await limited.execSync(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]);
      equal(exitCode, 137);
      equal((await limited.status()).state, ContainerState.CONTAINER_RUNNING);
      await other.sh("dd if=/dev/zero of=/dev/null bs=64M count=1");
      await pod.remove();
    },
  );
});

test("containers in a user namespace stay below the pod's cgroup (CVE-2025-47291)", needsRunc, async (t) => {
  const scene = await startContainerNode(t, {
    config: () => ({ runtimes: { mapped: { options: { BinaryName: runc ?? "" } } } }),
  });
  const { node } = scene;
  const cgroupParent = `${node.lane.cgroup}/kubepods/mapped`;
  limitMemory(cgroupParent, 32 * mebibyte);
  const ids = [{ containerId: 0, hostId: 700_000, length: 65_536 }];
  const pod = await node.runPod({
    handler: "mapped",
    change: (config): PodConfig => {
      const context = securityContext({});
      const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
      const namespaceOptions = {
        network: NamespaceMode.POD,
        pid: NamespaceMode.CONTAINER,
        ipc: NamespaceMode.POD,
        usernsOptions,
      };
      return { ...config, linux: { ...config.linux, cgroupParent, securityContext: { ...context, namespaceOptions } } };
    },
  });
  const container = await scene.runContainer(pod);
  equal((await container.sh("cat /proc/self/uid_map")).trim().split(/\s+/).join(" "), "0 700000 65536");
  // None of these processes ends while they are looked at.
  const exec = container.execSync(["sh", "-c", "mkfifo /over; touch /runs; cat /over; exit 0"]);
  await eventually(10_000, async () => equal(await container.sh("test -e /runs; echo $?"), "0\n"));
  const pids = readFileSync(`/proc/${await pidOf(container)}/task/${await pidOf(container)}/children`, "utf8");
  ok(pids.length > 0);
  const inside = processesIn(cgroupParent);
  ok(inside.includes(await pidOf(container)));
  // The shell of the container, that of the exec, and its cat.
  ok(inside.length >= 3, inside.join());
  for (const pid of inside)
    for (const path of cgroupsOf(pid)) ok(path.startsWith(`${cgroupParent}/crib-${pod.id}/`), path);
  await container.sh("echo > /over");
  equal((await exec).exitCode, 0);
  equal((await container.execSync(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])).exitCode, 137);
});

/** Pids in a cgroup and all below it. */
function processesIn(cgroup: string): readonly number[] {
  const files = globSync(join("/sys/fs/cgroup", isUnified ? "" : "memory", cgroup, "**/cgroup.procs"));
  return files
    .flatMap((file) => readFileSync(file, "utf8").trim().split("\n"))
    .filter(Boolean)
    .map(Number);
}
