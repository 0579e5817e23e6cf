import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, globSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestOptions } from "node:test";

import { ContainerState, NamespaceMode } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { runScript } from "../support/containers/run-script.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { PodOptions } from "../support/node.ts";
import { type PodConfig, securityContext } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";
import { runProgram } from "../support/run-program.ts";

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

  await t.test(
    "a shim listens where nobody but root gets, not even from the host's network (CVE-2020-15257)",
    async () => {
      const change: PodOptions["change"] = (config): PodConfig => ({
        ...config,
        linux: { ...config.linux, securityContext: securityContext({ network: NamespaceMode.NODE }) },
      });
      const pods = await Promise.all([
        node.runPod({ change }),
        node.runPod({ handler: "paused", change }),
        ...Array.from({ length: 3 }, () => node.runPod()),
      ]);
      const containers = await Promise.all(pods.map((pod) => scene.runContainer(pod)));
      const sockets = pods.map(({ id }) => {
        const text = readFileSync(join(node.state, "tasks", id, "bootstrap.json"), "utf8");
        return (JSON.parse(text) as { readonly address: string }).address.replace(/^unix:\/\//, "");
      });
      equal(new Set(sockets).size, pods.length, "a shim for each pod");
      for (const path of sockets) {
        ok(path.startsWith("/"), path);
        equal(lstatSync(path).mode & 0o7777, 0o600, path);
        equal(statSync(dirname(path)).mode & 0o077, 0, dirname(path));
        await rejects(
          runProgram([
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            process.execPath,
            "-e",
            connecting(path),
          ]),
        );
        // The same program as root, so that the failure means something.
        await runProgram([process.execPath, "-e", connecting(path)]);
      }
      const names = (await (containers[0] as Container).sh("cat /proc/net/unix"))
        .split("\n")
        .map((line) => line.split(/\s+/)[7] ?? "");
      ok(names.length > 5, "the host's network shows the host's sockets");
      deepEqual(
        names.filter((name) => name.startsWith("@") && /containerd|crib|shim/.test(name)),
        [],
      );
      for (const path of sockets) equal((await (containers[0] as Container).execSync(["ls", path])).exitCode, 1);
      await Promise.all(pods.map((pod) => pod.remove()));
      for (const path of sockets) ok(!existsSync(path), path);
    },
  );

  await t.test("the limit of a pod kills in its containers only (CVE-2019-14891)", async () => {
    const pod = await runLimitedPod(scene, "oom", 32 * mebibyte);
    const stays = await scene.runContainer(pod);
    const shim = shimOf(node, pod.id);
    const victim = await scene.runContainer(pod, { script: greedy });
    const { exitCode, reason } = await victim.ended(30_000);
    deepEqual([exitCode, reason], [137, "OOMKilled"]);
    equal((await stays.status()).state, ContainerState.CONTAINER_RUNNING);
    equal(shimOf(node, pod.id), shim);
    process.kill(shim, 0);
    // It starts with the daemon's, and makes itself one less important.
    ok(oomScoreAdj(shim) <= oomScoreAdj(node.daemon.pid) + 1, `${oomScoreAdj(shim)}`);
    for (const path of cgroupsOf(shim)) ok(!path.includes("/kubepods/"), path);
    for (const path of cgroupsOf(await pidOf(stays))) ok(path.startsWith(`${node.lane.cgroup}/kubepods/oom/`), path);
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
  const exec = container.execSync(["sh", "-c", "touch /runs; while [ ! -e /over ]; do sleep 0.1; done"]);
  await eventually(10_000, async () => equal(await container.sh("test -e /runs; echo $?"), "0\n"));
  const pids = readFileSync(`/proc/${await pidOf(container)}/task/${await pidOf(container)}/children`, "utf8");
  ok(pids.length > 0);
  const inside = processesIn(cgroupParent);
  ok(inside.includes(await pidOf(container)));
  // The shell, its sleep, and the shell that was put into the container.
  ok(inside.length >= 3, inside.join());
  for (const pid of inside)
    for (const path of cgroupsOf(pid)) ok(path.startsWith(`${cgroupParent}/crib-${pod.id}/`), path);
  await container.sh("touch /over");
  equal((await exec).exitCode, 0);
  equal((await container.execSync(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])).exitCode, 137);
});

/** A program that leaves with 0 when it could connect. */
function connecting(path: string): string {
  return `require("node:net").createConnection(${JSON.stringify(path)}, () => process.exit(0)).on("error", () => process.exit(1))`;
}

/** Pids in a cgroup and all below it. */
function processesIn(cgroup: string): readonly number[] {
  const files = globSync(join("/sys/fs/cgroup", isUnified ? "" : "memory", cgroup, "**/cgroup.procs"));
  return files
    .flatMap((file) => readFileSync(file, "utf8").trim().split("\n"))
    .filter(Boolean)
    .map(Number);
}
