import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";

import { connectStubPlugin } from "@crib/nri/testing";

import { endAfter } from "../../support/end-after.ts";
import { eventually } from "../../support/eventually.ts";
import { joinPlugin } from "../../support/join-plugin.ts";
import { type ContractScene, lookingAround } from "./contract-scene.ts";

/** Everything once and in order. */
export async function whatPluginsAreTold({ scene, part }: ContractScene): Promise<void> {
  const { node } = scene;
  const { runtime } = node.cri;

  await part("what is made while a plugin joins is told to it once, in its set or by an event", async (t) => {
    // Nothing is made ahead of starts: what is half made would take its time to end.
    const pod = await node.runPod({ handler: "plain" });
    const before = await scene.createContainer(pod);
    const early = scene.createContainer(pod);
    const meanwhile: Promise<{ readonly id: string }>[] = [];
    const plugin = await connectStubPlugin(join(node.state, "nri.sock"), {
      onSynchronize: async () => {
        meanwhile.push(node.runPod(), ...[1, 2].map(() => scene.createContainer(pod)));
        // Calls of one connection arrive in their order: those above have reached the daemon when this is answered.
        await runtime.version({});
      },
    });
    endAfter(t, () => plugin.close());
    const set = await plugin.synchronized;
    const late = scene.createContainer(pod);
    const made = await Promise.all([early, ...meanwhile, late]);
    equal(meanwhile.length, 3);
    const inSet = [...set.pods, ...set.containers].map(({ id }) => id);
    const byEvent = plugin.told.flatMap(({ event, podId, containerId }) => {
      const id = event === "RunPodSandbox" ? podId : containerId;
      return id !== undefined && ["RunPodSandbox", "CreateContainer"].includes(event) ? [id] : [];
    });
    const ids = [pod.id, before.id, ...made.map(({ id }) => id)];
    deepEqual([...inSet, ...byEvent].toSorted(), ids.toSorted());
    ok(inSet.includes(pod.id) && inSet.includes(before.id));
    await node.removeAllPods();
  });

  await part("the life of a container that fails is told in order, its end at once and once", async (t) => {
    const ends = lookingAround(async (_, _id, { container }) => [container?.state, container?.exitCode]);
    const plugin = await joinPlugin(t, node, { on: { stopContainer: ends.handler } });
    const pod = await node.runPod();
    const container = await scene.runContainer(pod, { script: "exit 7" });
    const told = (): readonly string[] =>
      plugin.told.filter(({ containerId }) => containerId === container.id).map(({ event }) => event);
    const life = [
      "CreateContainer",
      "ValidateContainerAdjustment",
      "PostCreateContainer",
      "StartContainer",
      "PostStartContainer",
      "StopContainer",
    ];
    // Nobody has stopped it.
    await eventually(10_000, () => deepEqual(told(), life));
    equal((await container.ended()).exitCode, 7);
    await container.stop();
    await container.stop(0);
    deepEqual(told(), life);
    await container.remove();
    deepEqual(told(), [...life, "RemoveContainer"]);
    await pod.remove();
    deepEqual(told(), [...life, "RemoveContainer"]);
    const stopped = 4; // CONTAINER_STOPPED of NRI
    deepEqual(ends.seen, [[stopped, 7]]);
  });
}
