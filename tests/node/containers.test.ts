import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { endAfter } from "../support/end-after.ts";
import { eventually, pause } from "../support/eventually.ts";
import { busyboxImage } from "../support/images/busybox.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import type { Pod } from "../support/pod.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** A node with an image that has a shell. */
async function startScene(t: TestContext): Promise<{ readonly node: Node; readonly image: string }> {
  const { node, serve, images } = await startImageNode(t);
  const image = serve(busyboxImage());
  await images.pull(image);
  return { node, image };
}

const sleeper = "trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.1; done";

interface Scene {
  readonly node: Node;
  readonly image: string;
}

async function create(
  { node, image }: Scene,
  pod: Pod,
  name: string,
  script: string,
  more: object = {},
): Promise<string> {
  const config = {
    metadata: { name, attempt: 0 },
    image: { image },
    command: ["/bin/sh", "-c", script],
    logPath: `${name}.log`,
    ...more,
  };
  const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
  return (await node.cri.runtime.createContainer(request)).containerId;
}

async function run(scene: Scene, pod: Pod, name: string, script: string, more: object = {}): Promise<string> {
  const containerId = await create(scene, pod, name, script, more);
  await scene.node.cri.runtime.startContainer({ containerId });
  return containerId;
}

async function statusOf({ node }: Scene, containerId: string) {
  const { status, info } = await node.cri.runtime.containerStatus({ containerId, verbose: true });
  if (!status) throw new Error(`container ${containerId} has no status`);
  return { ...status, pid: (JSON.parse(info["info"] ?? "{}") as { readonly pid: number }).pid };
}

async function untilExited(scene: Scene, containerId: string) {
  return await eventually(10_000, async () => {
    const status = await statusOf(scene, containerId);
    equal(status.state, CONTAINER_EXITED);
    return status;
  });
}

function logOf(pod: Pod, name: string): string {
  return readFileSync(join(pod.config.logDirectory ?? "", `${name}.log`), "utf8");
}

/** Waits until a container has said that it is ready. */
function untilReady(pod: Pod, name: string): Promise<void> {
  return eventually(10_000, () => match(logOf(pod, name), /ready/));
}

/** One after the other, on one node. */
const parts: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "a container runs, writes its log, exits with its code and is removed": async (scene) => {
    const { runtime } = scene.node.cri;
    const pod = await scene.node.runPod();
    const containerId = await create(scene, pod, "app", "echo hello; exit 7");
    equal(await create(scene, pod, "app", "echo hello; exit 7"), containerId);
    await rejects(create(scene, pod, "app", "echo other"), { code: Code.AlreadyExists });
    equal((await statusOf(scene, containerId)).state, CONTAINER_CREATED);
    await runtime.startContainer({ containerId });
    const { exitCode, reason, createdAt, startedAt, finishedAt } = await untilExited(scene, containerId);
    deepEqual([exitCode, reason], [7, "Error"]);
    ok(createdAt < startedAt && startedAt <= finishedAt);
    ok(logOf(pod, "app").endsWith(" stdout F hello\n"));
    await rejects(runtime.startContainer({ containerId }), { code: Code.FailedPrecondition });
    await runtime.removeContainer({ containerId });
    await runtime.removeContainer({ containerId });
    equal((await runtime.listContainers({})).containers.length, 0);
  },

  "a stop asks once, waits, kills, and a shorter one shortens it": async (scene) => {
    const { runtime } = scene.node.cri;
    const pod = await scene.node.runPod();
    const polite = await run(scene, pod, "polite", sleeper);
    equal((await statusOf(scene, polite)).state, CONTAINER_RUNNING);
    // A first process that has not said yet what it does with a signal is not told of it.
    await untilReady(pod, "polite");
    await runtime.stopContainer({ containerId: polite, timeout: 30n });
    const asked = await statusOf(scene, polite);
    deepEqual([asked.state, asked.exitCode], [CONTAINER_EXITED, 3]);
    match(logOf(pod, "polite"), /asked/);

    const deaf = await run(scene, pod, "deaf", "trap 'echo heard' TERM; echo ready; while :; do sleep 0.1; done");
    await untilReady(pod, "deaf");
    const long = runtime.stopContainer({ containerId: deaf, timeout: 600n });
    await eventually(10_000, async () => match(logOf(pod, "deaf"), /heard/));
    await runtime.stopContainer({ containerId: deaf, timeout: 1n });
    await long;
    const killed = await statusOf(scene, deaf);
    deepEqual([killed.exitCode, killed.reason], [137, "Error"]);
    equal(logOf(pod, "deaf").match(/heard/g)?.length, 1);
    await runtime.stopContainer({ containerId: deaf, timeout: 1n });
  },

  "a program that is not there fails the start, and the container says so": async (scene) => {
    const { runtime } = scene.node.cri;
    const pod = await scene.node.runPod();
    const containerId = await create(scene, pod, "none", "", { command: ["/no/such/program"] });
    await rejects(runtime.startContainer({ containerId }));
    const { state, exitCode, reason, message } = await statusOf(scene, containerId);
    deepEqual([state, exitCode, reason], [CONTAINER_EXITED, 128, "StartError"]);
    match(message, /no\/such\/program/);
    await runtime.removeContainer({ containerId });
  },

  "containers outlive the daemon, and ends that nobody saw are told exactly": async (scene) => {
    const { node } = scene;
    const pod = await node.runPod();
    const stays = await run(scene, pod, "stays", "while :; do echo tick; sleep 0.1; done");
    const ends = await run(scene, pod, "ends", "while [ ! -e /over ]; do sleep 0.05; done; exit 42");
    const { pid } = await statusOf(scene, stays);
    const { pid: endingPid } = await statusOf(scene, ends);
    const stop = node.cri.runtime.stopContainer({ containerId: await run(scene, pod, "asked", sleeper), timeout: 2n });
    stop.catch(() => {}); // its daemon is killed
    await node.kill();
    writeFileSync(`/proc/${endingPid}/root/over`, "");
    await eventually(10_000, () => equal(isRunning(endingPid), false));
    // Its shim may take a moment to see it.
    await pause(1_000);
    const restartedAt = Date.now();
    await node.restart();
    const status = await statusOf(scene, stays);
    deepEqual([status.state, status.pid], [CONTAINER_RUNNING, pid]);
    const ended = await untilExited(scene, ends);
    deepEqual([ended.exitCode, ended.reason], [42, "Error"]);
    ok(Number(ended.finishedAt / 1_000_000n) < restartedAt, "the end is not the time of the restart");
    const before = logOf(pod, "stays").length;
    await eventually(10_000, async () => ok(logOf(pod, "stays").length > before));
    await node.cri.runtime.stopContainer({ containerId: stays, timeout: 0n });
    deepEqual((await statusOf(scene, stays)).exitCode, 137);
  },

  "the death of a shim ends its containers for good, and the pod gets another": async (scene) => {
    const { node } = scene;
    const pod = await node.runPod();
    const first = await run(scene, pod, "first", sleeper);
    const second = await run(scene, pod, "second", sleeper);
    const pids = [(await statusOf(scene, first)).pid, (await statusOf(scene, second)).pid];
    const { process: shim } = JSON.parse(readFileSync(join(node.state, "tasks", pod.id, "shim.json"), "utf8")) as {
      readonly process: { readonly pid: number };
    };
    process.kill(shim.pid, "SIGKILL");
    for (const id of [first, second]) {
      const { exitCode, reason, message } = await untilExited(scene, id);
      deepEqual([exitCode, reason], [137, "Error"]);
      match(message, /shim/);
    }
    deepEqual(pids.map(isRunning), [false, false]);
    ok(!existsSync(`/run/containerd/runc/k8s.io/${first}`));
    equal((await pod.status()).state, 0);
    const third = await run(scene, pod, "third", "exit 5");
    equal((await untilExited(scene, third)).exitCode, 5);
  },

  "a container that takes too much memory is OOMKilled; limits can be changed": async (scene) => {
    const { runtime } = scene.node.cri;
    const pod = await scene.node.runPod();
    const linux = { resources: { memoryLimitInBytes: 16n * 1024n * 1024n, cpuShares: 100n } };
    const containerId = await run(scene, pod, "greedy", "dd if=/dev/zero of=/dev/null bs=64M count=100", { linux });
    const { exitCode, reason } = await untilExited(scene, containerId);
    deepEqual([exitCode, reason], [137, "OOMKilled"]);

    const other = await run(scene, pod, "other", sleeper, { linux });
    await runtime.updateContainerResources({ containerId: other, linux: { cpuShares: 200n } });
    const { resources, pid } = await statusOf(scene, other);
    equal(resources?.linux?.cpuShares, 200n);
    equal(resources.linux.memoryLimitInBytes, 16n * 1024n * 1024n);
    const cgroup = /^\d+:[^:]*\bcpu\b[^:]*:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "latin1"))?.[1];
    if (cgroup !== undefined) equal(readFileSync(`/sys/fs/cgroup/cpu${cgroup}/cpu.shares`, "latin1"), "200\n");
  },
  'the end of a pod ends its containers, handler ""': (scene) => endPod(scene, ""),
  'the end of a pod ends its containers, handler "paused"': (scene) => endPod(scene, "paused"),
};

test("the life of containers", needsRoot, async (t) => {
  const scene = await startScene(t);
  for (const [name, run] of Object.entries(parts)) {
    await t.test(name, async (t) => {
      endAfter(t, () => scene.node.removeAllPods());
      await run(scene);
    });
  }
});

/** The end of a pod with a handler, which ends its containers. */
async function endPod(scene: Scene, handler: string): Promise<void> {
  const { runtime } = scene.node.cri;
  const pod = await scene.node.runPod({ handler });
  const runs = await run(scene, pod, "runs", sleeper);
  const waits = await create(scene, pod, "waits", sleeper);
  const { pid } = await statusOf(scene, runs);
  await pod.stop();
  ok(!isRunning(pid));
  equal((await statusOf(scene, runs)).state, CONTAINER_EXITED);
  equal((await statusOf(scene, waits)).state, CONTAINER_CREATED);
  await rejects(runtime.startContainer({ containerId: waits }), { code: Code.FailedPrecondition });
  await rejects(create(scene, pod, "late", sleeper), { code: Code.FailedPrecondition });
  await pod.remove();
  equal((await runtime.listContainers({})).containers.length, 0);
}
