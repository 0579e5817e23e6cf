import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { ContainerState, PodSandboxState } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

/** Milliseconds within which a death must be seen and cleared up after: seconds, on a machine that is busy with other tests. */
const seenMs = 15_000;

/** A tree that no signal but SIGKILL ends, in sessions of its own. */
const deafTree = `trap '' TERM INT HUP
setsid sh -c "trap '' TERM INT HUP; setsid sleep 1000 & sleep 1000 & wait" &
sleep 1000 & wait`;

/** A pod with containers and all their processes. */
interface Victim {
  readonly pod: Pod;
  readonly shim: number;
  readonly containers: readonly Container[];
  readonly pids: readonly number[];
}

/** The first container has a tree of processes. */
async function runVictim(target: ContainerNode, handler: string, count: number): Promise<Victim> {
  const { node } = target;
  const pod = await node.runPod({ handler });
  const containers = await Promise.all(
    Array.from({ length: count }, (_, index) => target.runContainer(pod, index === 0 ? { script: deafTree } : {})),
  );
  const [tree] = containers;
  await eventually(10_000, () => equal(tree && processesOf(node, tree).length, 5));
  const pids = containers.flatMap((container) => processesOf(node, container));
  return { pod, shim: shimOf(node, pod.id), containers, pids };
}

/** Everything of the containers is gone and reported. Gives how long that took after `sinceMs`. */
async function expectEnded({ node }: ContainerNode, victim: Victim, sinceMs: number): Promise<number> {
  await eventually(seenMs, async () => {
    const { pod, containers, pids } = victim;
    for (const { id } of containers) {
      const { status } = await node.cri.runtime.containerStatus({ containerId: id });
      equal(status?.state, ContainerState.CONTAINER_EXITED);
    }
    deepEqual(pids.filter(isRunning), []);
    for (const container of containers) {
      deepEqual(processesOf(node, container), []);
      equal(existsSync(`/run/containerd/runc/k8s.io/${container.id}`), false);
    }
    const left = await node.leftovers();
    // The pod itself has its own cgroup and mounts.
    deepEqual(
      left.filter((line) => containers.some(({ id }) => line.includes(id))),
      [],
    );
    equal(
      (await pod.status()).state,
      pod.handler === "paused" ? PodSandboxState.SANDBOX_NOTREADY : PodSandboxState.SANDBOX_READY,
    );
  });
  return performance.now() - sinceMs;
}

test("20 shims killed under pods with one to three containers", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  const { node } = target;
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const isUnseen = round === 4;
    await t.test(isUnseen ? "by no daemon, and the next one finds it" : `round ${round + 1}`, async () => {
      const kinds = ["", "paused", "", "paused"];
      const victims = await Promise.all(
        kinds.map((handler, index) => runVictim(target, handler, ((round + index) % 3) + 1)),
      );
      const sinceMs = performance.now();
      if (isUnseen) await node.kill();
      for (const { shim } of victims) process.kill(shim, "SIGKILL");
      if (isUnseen) await node.restart();
      times.push(...(await Promise.all(victims.map((victim) => expectEnded(target, victim, sinceMs)))));
      for (const victim of victims) {
        for (const container of victim.containers) {
          const { exitCode, reason, message } = await container.status();
          deepEqual([exitCode, reason], [137, "Error"]);
          // A pod that was found dead ends its containers as if it had been asked to.
          if (!isUnseen) match(message, /shim/);
        }
        if (victim.pod.handler === "") {
          // The next container is served by another shim.
          const next = await target.runContainer(victim.pod, { script: "exit 5" });
          equal((await next.ended()).exitCode, 5);
          ok(shimOf(node, victim.pod.id) !== victim.shim);
        }
      }
      deepEqual(await node.leaks(), []);
      await Promise.all(victims.map(({ pod }) => pod.remove()));
      deepEqual(await node.leftovers(), []);
      deepEqual(await node.leaks(), []);
    });
  }
  t.diagnostic(`cleared up after ${Math.round(Math.max(...times))} ms at most`);
});

test("a pause that is killed takes the containers of its pod with it", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  const { node } = target;
  const victims = [await runVictim(target, "paused", 1), await runVictim(target, "paused", 3)];
  const sinceMs = performance.now();
  for (const { pod } of victims) process.kill((await pod.info()).pid, "SIGKILL");
  for (const victim of victims) {
    t.diagnostic(`cleared up after ${Math.round(await expectEnded(target, victim, sinceMs))} ms`);
    for (const container of victim.containers) {
      const { exitCode, reason } = await container.status();
      deepEqual([exitCode, reason], [137, "Error"]);
    }
    equal((await victim.pod.info()).exit?.exitCode, 137);
  }
  deepEqual(await node.leaks(), []);
  await Promise.all(victims.map(({ pod }) => pod.remove()));
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
});
