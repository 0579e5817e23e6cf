import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, codeName, StatusError } from "@crib/errdefs";
import { connectStubPlugin, type StubHandlers } from "@crib/nri/testing";
import { ContainerState, PodSandboxState } from "@crib/wire/cri";
import type { Container as NriContainer, PodSandbox as NriPod } from "@crib/wire/nri";

import { readCgroupLimit } from "../support/containers/cgroup-file.ts";
import { sleepUntilTold, startContainerNode } from "../support/containers/container-node.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { wholeLife } from "../support/containers/whole-life.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { eventsOf, joinPlugin } from "../support/join-plugin.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";

// What cri-tools' specs of NRI check of a runtime, and what plugins rely on beside that. tests/node/nri-plugins.test.ts has the rest.

const memoryLimit = { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" };
const { CONTAINER_CREATED, CONTAINER_EXITED } = ContainerState;
const MiB = 1024n * 1024n;

/** What events about pods and containers say. */
interface Told {
  readonly pod?: NriPod | undefined;
  readonly container?: NriContainer | undefined;
}

/** A handler that looks around while the runtime waits for its answer, and what it has seen each time. */
function lookingAround<T>(look: (podId: string, containerId: string, told: Told) => Promise<T>): {
  readonly seen: readonly T[];
  readonly handler: (told: Told) => Promise<object>;
} {
  const seen: T[] = [];
  const handler = async (told: Told): Promise<object> => {
    seen.push(await look(told.pod?.id ?? "", told.container?.id ?? "", told));
    return {};
  };
  return { seen, handler };
}

/** The name of the code that a call ends with; `OK` for one that succeeds. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => codeName(Code.OK),
    (reason: unknown) => codeName(StatusError.from(reason).code),
  );
}

async function listedPods({ cri }: Node): Promise<readonly string[]> {
  return (await cri.runtime.listPodSandbox({})).items.map(({ id }) => id);
}

async function listedContainers({ cri }: Node): Promise<readonly string[]> {
  return (await cri.runtime.listContainers({})).containers.map(({ id }) => id);
}

/** Answers of a plugin to every event of these, that are none of its business. */
function refusing(...events: readonly (keyof StubHandlers)[]): StubHandlers {
  const refuse = (): never => {
    throw new Error("not on this node");
  };
  return Object.fromEntries(events.map((event) => [event, refuse]));
}

test("the contract of NRI", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: () => ({ runtimes: { plain: { prestart: false } } }),
  });
  const { node } = scene;
  const { runtime } = node.cri;
  const part = (name: string, run: (t: TestContext) => Promise<void>): Promise<void> =>
    t.test(name, async (t) => {
      // What one that fails leaves is nothing to the next.
      endAfter(t, () => node.removeAllPods());
      await run(t);
    });

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
});

/** What a process runs; empty when it has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
