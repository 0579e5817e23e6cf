import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Code } from "@crib/errdefs";
import { ContainerState, PodSandboxState } from "@crib/wire/cri";

import { sleepUntilTold } from "../../support/containers/container-node.ts";
import { processesOf } from "../../support/containers/processes-of.ts";
import { eventually } from "../../support/eventually.ts";
import { eventsOf, joinPlugin } from "../../support/join-plugin.ts";
import {
  codeOf,
  commandOf,
  type ContractScene,
  listedContainers,
  listedPods,
  lookingAround,
} from "./contract-scene.ts";

const { CONTAINER_CREATED, CONTAINER_EXITED } = ContainerState;

/** What there is of pods and containers while a plugin is asked about them. */
export async function whatPluginsSee({ scene, part }: ContractScene): Promise<void> {
  const { node } = scene;
  const { runtime } = node.cri;

  await part("a pod whose RunPodSandbox is asked about is in no list, and nothing can run in it", async (t) => {
    const { seen, handler } = lookingAround(async (podSandboxId) => ({
      isListed: (await listedPods(node)).includes(podSandboxId),
      status: await codeOf(runtime.podSandboxStatus({ podSandboxId })),
      create: await codeOf(scene.createContainer(node.pod(podSandboxId, node.podConfig()))),
      containers: await listedContainers(node),
    }));
    const plugin = await joinPlugin(t, node, { on: { runPodSandbox: handler } });
    const pod = await node.runPod();
    deepEqual(seen, [{ isListed: false, status: "NotFound", create: "NotFound", containers: [] }]);
    deepEqual(eventsOf(plugin, pod.id), ["RunPodSandbox"]);
    deepEqual([...(await node.list())], [[pod.id, "READY"]]);
    const container = await scene.runContainer(pod);
    equal(await container.sh("echo runs"), "runs\n");
    await pod.remove();
  });

  await part("a container is in no list before it is created, and runs nothing before it is started", async (t) => {
    const created = lookingAround(async (_, containerId) => ({
      isListed: (await listedContainers(node)).includes(containerId),
      status: await codeOf(runtime.containerStatus({ containerId })),
      start: await codeOf(runtime.startContainer({ containerId })),
    }));
    const started = lookingAround(async (podId, containerId, told) => {
      const { status } = await runtime.containerStatus({ containerId });
      const commands = processesOf(node, { id: containerId, pod: { id: podId } }).map(commandOf);
      return {
        state: status?.state,
        hasProcess: told.container?.pid !== 0,
        runsWorkload: commands.some((command) => command.includes("workload")),
        log: readFileSync(status?.logPath ?? "", { encoding: "utf8", flag: "a+" }),
      };
    });
    await joinPlugin(t, node, { on: { createContainer: created.handler, startContainer: started.handler } });
    const pod = await node.runPod();
    const container = await scene.createContainer(pod, { script: `echo workload; ${sleepUntilTold}` });
    deepEqual(created.seen, [{ isListed: false, status: "NotFound", start: "NotFound" }]);
    deepEqual(await listedContainers(node), [container.id]);
    equal((await container.status()).state, CONTAINER_CREATED);
    await container.start();
    const before = { state: CONTAINER_CREATED, hasProcess: true, runsWorkload: false, log: "" };
    deepEqual(started.seen, [before]);
    await eventually(10_000, async () => match(JSON.stringify(await container.log()), /"workload"/));
    ok(
      processesOf(node, container)
        .map(commandOf)
        .some((command) => command.includes("workload")),
    );
    await pod.remove();
  });

  await part(
    "when StopPodSandbox is told the containers have ended, and the pod and its network are there",
    async (t) => {
      const { seen, handler } = lookingAround(async (podSandboxId) => {
        const { containers } = await runtime.listContainers({ filter: { podSandboxId } });
        const pod = node.pod(podSandboxId, {});
        return {
          containers: containers.map(({ state }) => state).toSorted((one, other) => one - other),
          pod: await codeOf(pod.status()),
          links: /\beth0\b/.test((await pod.exec(["ip", "-oneline", "link"])).stdout),
        };
      });
      const plugin = await joinPlugin(t, node, { on: { stopPodSandbox: handler } });
      const pod = await node.runPod();
      await Promise.all([scene.runContainer(pod), scene.runContainer(pod), scene.createContainer(pod)]);
      await pod.stop();
      equal(seen.length, 1);
      // What never ran has not ended: it is removed with the pod.
      const ended = [CONTAINER_CREATED, CONTAINER_EXITED, CONTAINER_EXITED];
      deepEqual(seen[0], { containers: ended, pod: "OK", links: true });
      const stops = (): readonly string[] => eventsOf(plugin, pod.id).filter((event) => event.startsWith("Stop"));
      equal(stops().at(-1), "StopPodSandbox");
      equal(stops().filter((event) => event === "StopPodSandbox").length, 1);
      await pod.stop();
      equal(stops().filter((event) => event === "StopPodSandbox").length, 1);
      equal((await pod.status()).state, PodSandboxState.SANDBOX_NOTREADY);
      await pod.remove();
      equal(eventsOf(plugin, pod.id).at(-1), "RemovePodSandbox");
    },
  );

  await part("a container of a stopped pod is refused, and no plugin is asked", async (t) => {
    const plugin = await joinPlugin(t, node);
    const pod = await node.runPod();
    await pod.stop();
    await rejects(scene.createContainer(pod), { code: Code.FailedPrecondition });
    deepEqual(await listedContainers(node), []);
    deepEqual(eventsOf(plugin, pod.id), ["RunPodSandbox", "StopPodSandbox"]);
    await pod.remove();
  });
}
