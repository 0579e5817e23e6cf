import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { ContainerRecord } from "@crib/core/containers";
import { ContainerState } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

const script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done";

/** Waits until the process of a container that is only created is there, and gives its pid. */
function waiting({ node }: ContainerNode, container: Container): Promise<number> {
  return eventually(10_000, async () => {
    const { timings } = (await container.info()) as unknown as { readonly timings: ContainerRecord["runs"] };
    equal(timings.find(({ flow }) => flow === "CreateTask")?.outcome, "done");
    const [pid = 0, ...others] = processesOf(node, container);
    deepEqual([pid > 0, others], [true, []]);
    return pid;
  });
}

async function createAhead(target: ContainerNode, pod: Pod): Promise<{ container: Container; pid: number }> {
  const container = await target.createContainer(pod, { script });
  return { container, pid: await waiting(target, container) };
}

async function expectRuns(container: Container): Promise<void> {
  equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
  await eventually(10_000, async () => equal((await container.log()).at(-1)?.text, "ready"));
}

const deaths = [
  ["process", (_: ContainerNode, pid: number): void => void process.kill(pid, "SIGKILL")],
  ["shim", ({ node }: ContainerNode, _: number, pod: Pod): void => void process.kill(shimOf(node, pod.id), "SIGKILL")],
] as const;

/** The death of something of a container that waits, which is no run of it. */
async function dieAhead(target: ContainerNode, handler: string, kill: (typeof deaths)[number][1]): Promise<void> {
  const pod = await target.node.runPod({ handler });
  const { container, pid } = await createAhead(target, pod);
  kill(target, pid, pod);
  await eventually(10_000, () => deepEqual(processesOf(target.node, container), []));
  equal((await container.status()).state, ContainerState.CONTAINER_CREATED);
  await container.start();
  await expectRuns(container);
  deepEqual(await target.node.leaks(), []);
  await pod.remove();
  deepEqual(await target.node.leftovers(), []);
}

/** One after the other, on one node. */
const parts: Record<string, (target: ContainerNode) => Promise<void>> = {
  "the process of a container waits for its start and shows nowhere": async (target) => {
    const pod = await target.node.runPod();
    const { container, pid } = await createAhead(target, pod);
    const [{ state, startedAt }, info] = [await container.status(), await container.info()];
    deepEqual([state, startedAt, info["pid"]], [ContainerState.CONTAINER_CREATED, 0n, 0]);
    deepEqual(await target.node.leaks(), []);
    await container.start();
    equal((await container.info())["pid"], pid);
    await expectRuns(container);
    await pod.remove();
    deepEqual(await target.node.leftovers(), []);
  },

  "limits of a container that waits hold when it runs": async (target) => {
    const pod = await target.node.runPod();
    const { container, pid } = await createAhead(target, pod);
    const { runtime } = target.node.cri;
    await runtime.updateContainerResources({ containerId: container.id, linux: { cpuShares: 300n } });
    await eventually(10_000, () => ok(!existsSync(`/proc/${pid}`)));
    await container.start();
    await expectRuns(container);
    const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");
    const cgroup = join(target.node.lane.cgroup, `crib-${pod.id}`, `crib-${container.id}`);
    const file = join("/sys/fs/cgroup", isUnified ? "" : "cpu", cgroup, isUnified ? "cpu.weight" : "cpu.shares");
    // As runc converts it: 1 + (300 - 2) * 9999 / 262142.
    equal(readFileSync(file, "utf8"), isUnified ? "12\n" : "300\n");
    await pod.remove();
  },

  "a container that waits goes with its pod, by removal, and with its daemon": async (target) => {
    const { node } = target;
    const pod = await node.runPod();
    const removed = await createAhead(target, pod);
    await removed.container.remove();
    ok(!existsSync(`/proc/${removed.pid}`));
    const restarted = await createAhead(target, pod);
    await node.kill();
    ok(existsSync(`/proc/${restarted.pid}`));
    await node.restart();
    await eventually(10_000, () => ok(!existsSync(`/proc/${restarted.pid}`)));
    await restarted.container.start();
    await expectRuns(restarted.container);
    const stopped = await createAhead(target, pod);
    await pod.stop();
    ok(!existsSync(`/proc/${stopped.pid}`));
    equal((await stopped.container.status()).state, ContainerState.CONTAINER_CREATED);
    deepEqual(await node.leaks(), []);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
    ok(!existsSync(join(node.state, "tasks", stopped.container.id)));
  },
};

for (const [what, kill] of deaths) {
  for (const handler of what === "process" ? ["", "paused"] : [""])
    parts[`the death of the ${what} is no run of a container that waits${handler && ` (${handler})`}`] = (target) =>
      dieAhead(target, handler, kill);
}

test("containers whose process is there before their start", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  for (const [name, run] of Object.entries(parts)) {
    await t.test(name, async (t) => {
      endAfter(t, () => target.node.removeAllPods());
      await run(target);
    });
  }
});
