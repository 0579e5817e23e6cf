import { deepEqual, equal, rejects } from "node:assert/strict";

import { ContainerState } from "@crib/wire/cri";

import { readCgroupLimit } from "../../support/containers/cgroup-file.ts";
import { processesOf } from "../../support/containers/processes-of.ts";
import { wholeLife } from "../../support/containers/whole-life.ts";
import { eventually } from "../../support/eventually.ts";
import { eventsOf, joinPlugin } from "../../support/join-plugin.ts";
import { type ContractScene, listedContainers, listedPods, refusing } from "./contract-scene.ts";

const memoryLimit = { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" };
const { CONTAINER_EXITED } = ContainerState;
const MiB = 1024n * 1024n;

/** What comes of answers that change or refuse what is asked for. */
export async function whatPluginsAnswer({ scene, part }: ContractScene): Promise<void> {
  const { node } = scene;
  const { runtime } = node.cri;

  await part("what UpdateContainerResources asks for is changed or refused", async (t) => {
    const pod = await node.runPod();
    const container = await scene.runContainer(pod);
    const ask = (memory: bigint): Promise<unknown> =>
      runtime.updateContainerResources({ containerId: container.id, linux: { memoryLimitInBytes: memory } });
    const limit = (): string => readCgroupLimit(node, container, memoryLimit);
    const memory = { limit: { value: 80n * MiB } };
    const changing = await joinPlugin(t, node, {
      on: {
        updateContainer: ({ linuxResources }) => {
          equal(linuxResources?.memory?.limit?.value, 64n * MiB);
          return { update: [{ containerId: container.id, linux: { resources: { memory } } }] };
        },
      },
    });
    await ask(64n * MiB);
    equal(limit(), `${80n * MiB}`);
    equal((await container.status()).resources?.linux?.memoryLimitInBytes, 80n * MiB);
    await changing.close();
    await joinPlugin(t, node, { on: refusing("updateContainer") });
    await rejects(ask(96n * MiB), { message: /not on this node/ });
    equal(limit(), `${80n * MiB}`);
    await pod.remove();
  });

  await part("plugins that saw what is refused are told that it is gone", async (t) => {
    const seesAll = await joinPlugin(t, node, { name: "sees", index: "10" });
    const noPod = await joinPlugin(t, node, { name: "refuses", index: "20", on: refusing("runPodSandbox") });
    const { runPodSandbox } = runtime;
    await rejects(runPodSandbox({ config: node.podConfig() }), { message: /not on this node/ });
    const ofPod = seesAll.told.map(({ event }) => event);
    deepEqual(ofPod, ["RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"]);
    deepEqual([await listedPods(node), await node.leftovers(), await node.leaks()], [[], [], []]);
    await noPod.close();

    const pod = await node.runPod();
    const noContainer = await joinPlugin(t, node, { name: "refuses", index: "20", on: refusing("createContainer") });
    await rejects(scene.createContainer(pod), { message: /not on this node/ });
    deepEqual(await listedContainers(node), []);
    const asked = seesAll.told.find(({ event }) => event === "CreateContainer");
    const told = (id: string | undefined): readonly string[] =>
      seesAll.told.filter(({ containerId }) => containerId === id).map(({ event }) => event);
    await eventually(10_000, () =>
      deepEqual(told(asked?.containerId), ["CreateContainer", "StopContainer", "RemoveContainer"]),
    );
    await eventually(10_000, async () => deepEqual(await node.leaks(), []));
    await noContainer.close();

    await joinPlugin(t, node, { name: "refuses", index: "20", on: refusing("startContainer") });
    const container = await scene.createContainer(pod);
    await rejects(container.start(), { message: /not on this node/ });
    deepEqual(processesOf(node, container), []);
    equal((await container.status()).state, CONTAINER_EXITED);
    await container.remove();
    deepEqual(told(container.id).slice(-3), ["StartContainer", "StopContainer", "RemoveContainer"]);
    await pod.remove();
    deepEqual([await node.leftovers(), await node.leaks()], [[], []]);
  });

  await part("errors of what is only told keep nothing", async (t) => {
    const told = ["stopContainer", "removeContainer", "stopPodSandbox", "removePodSandbox"] as const;
    const notices = ["postCreateContainer", "postStartContainer", "postUpdateContainer"] as const;
    const plugin = await joinPlugin(t, node, { on: refusing(...told, ...notices) });
    equal(eventsOf(plugin, await wholeLife(scene)).at(-1), "RemovePodSandbox");
    deepEqual([await listedPods(node), await listedContainers(node)], [[], []]);
    deepEqual([await node.leftovers(), await node.leaks()], [[], []]);
  });
}
