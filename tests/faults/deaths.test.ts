import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { killProcess } from "../support/kill-process.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { parentOf } from "../support/parent-of.ts";
import type { Pod } from "../support/pod.ts";
import { startNode } from "../support/start-node.ts";

/** Milliseconds within which a death has to be seen; seconds on a machine that is busy with other tests. */
const seenMs = 5_000;

/** A pod with a pause process, and the processes behind it. */
async function runPaused(
  node: Node,
): Promise<{ readonly pod: Pod; readonly pausePid: number; readonly shimPid: number }> {
  const pod = await node.runPod({ handler: "paused" });
  const { pid } = await pod.info();
  return { pod, pausePid: pid, shimPid: parentOf(pid) };
}

/** What a pod that has ended keeps until it is removed: its cgroup, and in a shim that still runs the task's state. */
const keptUntilRemoval = /^(cgroup: |runc: |process: .*containerd-shim)/;

/** Waits until the pod is NOTREADY and has given back what others may need: address, network, mounts, processes. */
async function endedAlone(node: Node, pod: Pod, withinMs = seenMs): Promise<number> {
  const began = performance.now();
  await eventually(withinMs, async () => equal((await node.list()).get(pod.id), "NOTREADY"));
  const seenAfterMs = performance.now() - began;
  await eventually(withinMs, async () => {
    const left = (await node.leftovers()).filter((line) => !keptUntilRemoval.test(line));
    deepEqual(left, []);
    equal(existsSync(pod.netns), false);
  });
  return seenAfterMs;
}

test("deaths of the processes of a pod", needsRoot, async (t) => {
  const node = await startNode(t);

  await t.test("when the pause process is killed, the pod is NOTREADY and gives all back", async (t) => {
    const { pod, pausePid } = await runPaused(node);
    process.kill(pausePid, "SIGKILL");
    t.diagnostic(`seen after ${Math.round(await endedAlone(node, pod))} ms`);
    const { exit } = await pod.info();
    equal(exit?.exitCode, 137);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });

  await t.test("when the shim is killed, its pause process is ended too, and the pod gives all back", async (t) => {
    const { pod, pausePid, shimPid } = await runPaused(node);
    process.kill(shimPid, "SIGKILL");
    t.diagnostic(`seen after ${Math.round(await endedAlone(node, pod))} ms`);
    equal(isRunning(pausePid), false);
    equal((await pod.info()).exit?.exitCode, 255);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });

  await t.test("when both are killed at once", async () => {
    const { pod, pausePid, shimPid } = await runPaused(node);
    process.kill(shimPid, "SIGKILL");
    killProcess(pausePid);
    await endedAlone(node, pod);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
  });

  await t.test("when they die while no daemon runs, the next one sees it", async () => {
    const [first, second, third] = [await runPaused(node), await runPaused(node), await runPaused(node)];
    await node.kill();
    process.kill(first.pausePid, "SIGKILL");
    process.kill(second.shimPid, "SIGKILL");
    await node.restart();
    await eventually(10_000, async () => {
      const list = await node.list();
      deepEqual(
        [first, second, third].map(({ pod }) => list.get(pod.id)),
        ["NOTREADY", "NOTREADY", "READY"],
      );
    });
    equal((await third.pod.info()).pid, third.pausePid);
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });

  await t.test("a dead pod's name is free once it is removed, and a raised attempt is needed before", async () => {
    const { pod, pausePid } = await runPaused(node);
    process.kill(pausePid, "SIGKILL");
    await eventually(seenMs, async () => equal((await node.list()).get(pod.id), "NOTREADY"));
    const again = { config: pod.config, runtimeHandler: "paused" };
    const message = await node.cri.runtime.runPodSandbox(again).then(
      () => "",
      (reason: Error) => reason.message,
    );
    match(message, /raise the attempt/);
    await pod.remove();
    const { podSandboxId } = await node.cri.runtime.runPodSandbox(again);
    await node.cri.runtime.removePodSandbox({ podSandboxId });
  });

  await t.test("twenty deaths leave nothing", async () => {
    for (let round = 0; round < 5; round++) {
      const pods = await Promise.all(Array.from({ length: 4 }, () => runPaused(node)));
      for (const [index, { shimPid, pausePid }] of pods.entries())
        process.kill(index % 2 === 0 ? shimPid : pausePid, "SIGKILL");
      await Promise.all(pods.map(({ pod }) => eventually(10_000, () => pod.remove())));
    }
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });
});

test("a shim that hangs", needsRoot, async (t) => {
  const node = await startNode(t);
  const [hanging, first, second] = [await runPaused(node), await runPaused(node), await runPaused(node)];

  await t.test("delays neither lists nor other pods while the daemon runs", async () => {
    const work = async (): Promise<number> => {
      const began = performance.now();
      equal((await node.list()).size, 3);
      await first.pod.status();
      await (await node.runPod({ handler: "paused" })).remove();
      return performance.now() - began;
    };
    const usualMs = await work();
    process.kill(hanging.shimPid, "SIGSTOP");
    const tookMs = await work();
    ok(tookMs < 4_000 + 3 * usualMs, `${tookMs} ms, before ${usualMs} ms`);
  });

  await t.test("makes its pod NOTREADY at the next start of the daemon, and no other", async () => {
    const began = performance.now();
    await node.restart();
    await eventually(10_000, async () => {
      const list = await node.list();
      deepEqual(
        [hanging, first, second].map(({ pod }) => list.get(pod.id)),
        ["NOTREADY", "READY", "READY"],
      );
    });
    ok(performance.now() - began < 30_000);
  });

  await t.test("is ended with its pod", async () => {
    await eventually(40_000, () => hanging.pod.remove());
    await eventually(2_000, () => equal(isRunning(hanging.shimPid), false));
    equal(isRunning(hanging.pausePid), false);
    deepEqual([...(await node.list()).values()], ["READY", "READY"]);
  });
});
