import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { ContainerState } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { type HeldRuntime, heldRuntime, heldRuntimes } from "../support/containers/held-runtime.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { startSurvivor, type Survivor } from "../support/containers/survivor.ts";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

const { CONTAINER_CREATED, CONTAINER_EXITED } = ContainerState;

interface Scene {
  readonly target: ContainerNode;
  readonly runtime: HeldRuntime;
  readonly pod: Pod;
  readonly survivor: Survivor;
  /** What is on the host but for the container of a case. */
  readonly before: readonly string[];
}

/** A pod whose runtime can be held, beside what happens in it. */
async function startScene(t: TestContext): Promise<Scene> {
  const budgets = { "task.create": "5s", "task.start": "5s" };
  const target = await startContainerNode(t, {
    config: (lane) => ({ runtimes: heldRuntimes(lane), flow: { budgets } }),
  });
  const { node } = target;
  const pod = await node.runPod({ handler: "held" });
  const survivor = await startSurvivor(target, pod);
  return { target, runtime: heldRuntime(node.lane), pod, survivor, before: await node.leftovers() };
}

/** Once the runtime is let go nothing is left of the container, of its runtime, or in the way of the others. */
async function expectAsBefore(
  { target: { node }, survivor, before }: Scene,
  runtimes: readonly number[],
): Promise<void> {
  await eventually(30_000, async () => {
    deepEqual(runtimes.filter(isRunning), []);
    deepEqual(await node.leftovers(), before);
    deepEqual(await node.leaks(), []);
  });
  await survivor.expectUnharmed();
}

test("a runtime that hangs", needsRoot, async (t) => {
  const scene = await startScene(t);
  const { target, runtime, pod } = scene;

  for (const verb of ["create", "start"] as const) {
    await t.test(`when it shall ${verb}: StartContainer fails within its budget`, async () => {
      // Before, since the task is made ahead.
      runtime.hold(verb);
      const container = await target.createContainer(pod);
      try {
        await rejects(container.start(), /budget of 5000 ms/);
        ok(runtime.held(verb).length > 0, "it was never asked");
        const { state, exitCode, reason } = await container.status();
        deepEqual([state, exitCode, reason], [CONTAINER_EXITED, 128, "StartError"]);
        await container.remove();
      } finally {
        runtime.release(verb);
      }
      await expectAsBefore(scene, runtime.held(verb));
    });
  }

  for (const verb of ["kill", "delete"] as const) {
    await t.test(`when it shall ${verb}: StopContainer and RemoveContainer succeed without it`, async () => {
      const container = await target.runContainer(pod, { script: "trap '' TERM; sleep 1000 & wait" });
      runtime.hold(verb);
      try {
        await container.stop(1);
        const { state, exitCode } = await container.status();
        deepEqual([state, exitCode], [CONTAINER_EXITED, 137]);
        deepEqual(processesOf(target.node, container), []);
        await container.remove();
        ok(runtime.held(verb).length > 0, "it was never asked");
      } finally {
        runtime.release(verb);
      }
      await expectAsBefore(scene, runtime.held(verb));
    });
  }

  await t.test("when the daemon is killed meanwhile: the container has not been started, and can be", async () => {
    runtime.hold("create");
    const container = await target.createContainer(pod);
    try {
      const lost = rejects(container.start());
      await eventually(10_000, () => equal(runtime.held("create").length, 1));
      await target.node.kill();
      await lost;
      await target.node.restart();
      await eventually(30_000, () => deepEqual(runtime.held("create").filter(isRunning), []));
      equal((await container.status()).state, CONTAINER_CREATED);
    } finally {
      runtime.release("create");
    }
    await container.start();
    await container.remove();
    await expectAsBefore(scene, runtime.held("create"));
  });
});

test("a shim that stands still", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  const { node } = target;
  const calls: Readonly<Record<string, (pod: Pod, stop: () => Promise<void>) => Promise<void>>> = {
    StopContainer: (_pod, stop) => stop(),
    StopPodSandbox: (pod) => pod.stop(),
    RemovePodSandbox: (pod) => pod.remove(),
  };
  const cases = Object.entries(calls).flatMap(([name, call]) =>
    ["", "paused"].map((handler) => ({ name, call, handler })),
  );
  // Side by side, as all of them mostly wait.
  const problems = await Promise.all(
    cases.map(async ({ name, call, handler }) => {
      const pod = await node.runPod({ handler });
      const container = await target.runContainer(pod, { script: "trap '' TERM; sleep 1000 & wait" });
      const pids = processesOf(node, container);
      const shim = shimOf(node, pod.id);
      process.kill(shim, "SIGSTOP");
      const began = performance.now();
      try {
        // A call that takes longer than a client waits fails.
        await call(pod, () => container.stop(1));
        t.diagnostic(`${name} ("${handler}"): ${Math.round(performance.now() - began)} ms`);
        deepEqual(pids.filter(isRunning), []);
        await pod.remove();
        equal(isRunning(shim), false);
      } catch (reason) {
        return `${name} ("${handler}"): ${(reason as Error).message}`;
      } finally {
        // What was not ended would stand in the way of the end of the test.
        if (isRunning(shim)) process.kill(shim, "SIGCONT");
      }
      return "";
    }),
  );
  deepEqual(
    problems,
    cases.map(() => ""),
  );
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
});
