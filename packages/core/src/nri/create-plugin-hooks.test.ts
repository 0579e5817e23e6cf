import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/nri";

import { containerRecord, containerSpec, nriScene, podRecord } from "./testing/nri-scene.ts";

const pod = podRecord();
const spec = containerSpec();
const byText = (a: string, b: string): number => a.localeCompare(b);

test("without a plugin nothing is made for an event, and the very same specification comes back", async (t) => {
  const { hooks } = await nriScene(t);
  const unreadable = new Proxy(pod, {
    get() {
      throw new Error("the record was read");
    },
  });
  await hooks.runPodSandbox(unreadable, t.signal);
  await hooks.stopPodSandbox(unreadable, t.signal);
  await hooks.startContainer(unreadable, containerRecord(), t.signal);
  const created = await hooks.createContainer(unreadable, containerRecord(), spec, t.signal);
  equal(created.spec, spec);
  const resources = { hugepageLimits: [], unified: {} };
  equal((await hooks.updateContainer(unreadable, containerRecord(), resources, t.signal)).resources, resources);
  deepEqual(await hooks.stopContainer(undefined, containerRecord(), t.signal), []);
  (await hooks.enter(t.signal))();
});

test("the life of a pod with a container is told in order, with names and states", async (t) => {
  const scene = await nriScene(t);
  const { hooks, specs } = scene;
  const states: string[] = [];
  const note =
    (event: string) =>
    ({ container }: { readonly container?: { name: string; state: number; pid: number } | undefined }) => {
      states.push(`${event} ${container?.name} ${container?.state} ${container?.pid}`);
      return {};
    };
  const plugin = await scene.join({
    on: {
      createContainer: note("create"),
      startContainer: note("start"),
      stopContainer: note("stop"),
      removeContainer: note("remove"),
    },
  });
  const created = containerRecord("creating");
  const started = containerRecord("starting", { facts: { process: { pid: 77, startTime: 1 } } });
  const exit = { exitCode: 1, exitedAt: "2026-11-21T07:00:01Z", reason: "Error", message: "" } as const;
  const exited = containerRecord("exited", { facts: { ...started.facts, exit } });
  specs.set(created.id, spec);
  await hooks.runPodSandbox(pod, t.signal);
  await hooks.createContainer(pod, created, spec, t.signal);
  await hooks.postCreateContainer(pod, containerRecord("created"), t.signal);
  await hooks.startContainer(pod, started, t.signal);
  await hooks.postStartContainer(pod, started, t.signal);
  await hooks.postUpdateContainer(pod, containerRecord("running"), t.signal);
  await hooks.stopContainer(pod, exited, t.signal);
  await hooks.removeContainer(pod, exited, t.signal);
  await hooks.stopPodSandbox(pod, t.signal);
  await hooks.removePodSandbox(pod, t.signal);
  deepEqual(
    plugin.told.map(({ event }) => event),
    [
      "RunPodSandbox",
      "CreateContainer",
      "ValidateContainerAdjustment",
      "PostCreateContainer",
      "StartContainer",
      "PostStartContainer",
      "PostUpdateContainer",
      "StopContainer",
      "RemoveContainer",
      "StopPodSandbox",
      "RemovePodSandbox",
    ],
  );
  const { CONTAINER_UNKNOWN, CONTAINER_CREATED, CONTAINER_STOPPED } = ContainerState;
  deepEqual(states, [
    `create nginx ${CONTAINER_UNKNOWN} 0`,
    `start nginx ${CONTAINER_CREATED} 77`,
    `stop nginx ${CONTAINER_STOPPED} 0`,
    `remove nginx ${CONTAINER_STOPPED} 0`,
  ]);
  equal(
    plugin.told.every(({ podId }) => podId === pod.id),
    true,
  );
});

test("a refused pod, container or start is an error with the plugin's words", async (t) => {
  const scene = await nriScene(t);
  const refuse = (): never => {
    throw new Error("hook says no");
  };
  await scene.join({
    on: { runPodSandbox: refuse, createContainer: refuse, startContainer: refuse, updateContainer: refuse },
  });
  const { hooks } = scene;
  const refused = { code: Code.FailedPrecondition, message: /plugin "00-stub" refused \w+: hook says no/ };
  await rejects(hooks.runPodSandbox(pod, t.signal), refused);
  await rejects(hooks.createContainer(pod, containerRecord("creating"), spec, t.signal), refused);
  await rejects(hooks.startContainer(pod, containerRecord("starting"), t.signal), refused);
  const resources = { hugepageLimits: [], unified: {} };
  await rejects(hooks.updateContainer(pod, containerRecord(), resources, t.signal), refused);
});

test("what plugins are only told never throws, whatever they answer and even when the caller is gone", async (t) => {
  const scene = await nriScene(t);
  const refuse = (): never => {
    throw new Error("no");
  };
  await scene.join({
    on: { stopPodSandbox: refuse, removePodSandbox: refuse, stopContainer: refuse, removeContainer: refuse },
  });
  const { hooks } = scene;
  for (const signal of [t.signal, AbortSignal.abort(new Error("gone"))]) {
    await hooks.stopPodSandbox(pod, signal);
    await hooks.removePodSandbox(pod, signal);
    deepEqual(await hooks.stopContainer(undefined, containerRecord("exited"), signal), []);
    await hooks.removeContainer(undefined, containerRecord("exited"), signal);
  }
});

test("adjustments reach the specification, updates of others the caller", async (t) => {
  const scene = await nriScene(t);
  await scene.join({
    on: {
      createContainer: () => ({
        adjust: {
          env: [{ key: "FROM_PLUGIN", value: "1" }],
          linux: { resources: { cpu: { shares: { value: 512n } } } },
        },
        update: [
          {
            containerId: "other",
            ignoreFailure: true,
            linux: { resources: { memory: { limit: { value: 1n << 40n } } } },
          },
        ],
      }),
    },
  });
  const { spec: adjusted, updates } = await scene.hooks.createContainer(
    pod,
    containerRecord("creating"),
    spec,
    t.signal,
  );
  deepEqual(adjusted.process?.env, ["A=1", "B=x=y", "FROM_PLUGIN=1"]);
  equal(adjusted.linux?.resources?.cpu?.shares, 512);
  const resources = { memoryLimitBytes: 2 ** 40, hugepageLimits: [], unified: {} };
  deepEqual(updates, [{ containerId: "other", resources, ignoreFailure: true }]);
});

test("an update keeps what plugins have no word for", async (t) => {
  const scene = await nriScene(t);
  await scene.join({
    on: {
      updateContainer: ({ container }) => ({
        update: [{ containerId: container?.id ?? "", linux: { resources: { cpu: { shares: { value: 9n } } } } }],
      }),
    },
  });
  const asked = { cpuShares: 2, oomScoreAdj: 5, memorySwapLimitBytes: 7, hugepageLimits: [], unified: {} };
  const { resources } = await scene.hooks.updateContainer(pod, containerRecord(), asked, t.signal);
  deepEqual(resources, { ...asked, cpuShares: 9 });
});

test("a late plugin learns of pods but those half made, and of containers that live", async (t) => {
  const scene = await nriScene(t);
  scene.sandboxes = (["creating", "ready", "stopping", "notready", "removing"] as const).map((state) =>
    podRecord({ id: state, state }),
  );
  scene.containers = (["creating", "created", "starting", "running", "ending", "exited", "removing"] as const).map(
    (state) => containerRecord(state, { id: state }),
  );
  scene.specs.set("running", spec);
  const plugin = await scene.join();
  const { pods, containers } = await plugin.synchronized;
  deepEqual(
    pods.map(({ id }) => id),
    ["ready", "stopping", "notready"],
  );
  deepEqual(
    containers.map(({ id }) => id),
    ["created", "starting", "running", "ending"],
  );
  deepEqual(containers.find(({ id }) => id === "running")?.args, ["sleep", "1"]);
});

test("what is created while a plugin is synchronized is told to it afterwards: none is lost", async (t) => {
  const scene = await nriScene(t);
  const { hooks } = scene;
  const synchronizing = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  /** As CreateContainer does it: from its point for plugins to the commit. */
  const createOne = async (id: string): Promise<void> => {
    const leave = await hooks.enter(t.signal);
    try {
      await hooks.createContainer(pod, containerRecord("creating", { id }), spec, t.signal);
      await delay(5);
      scene.containers.push(containerRecord("created", { id }));
    } finally {
      leave();
    }
  };
  await Promise.all([createOne("before1"), createOne("before2")]);
  const running = [createOne("running1"), createOne("running2")];
  const plugin = await scene.connect({
    onSynchronize: async () => {
      synchronizing.resolve();
      await released.promise;
    },
  });
  await synchronizing.promise;
  const during = [createOne("during1"), createOne("during2"), createOne("during3")];
  await delay(30);
  equal(
    scene.containers.some(({ id }) => id.startsWith("during")),
    false,
  );
  released.resolve();
  const { containers } = await plugin.synchronized;
  await Promise.all([...running, ...during]);
  await Promise.all([createOne("after1"), createOne("after2")]);
  const told = plugin.told
    .filter(({ event }) => event === "CreateContainer")
    .map(({ containerId = "" }) => containerId);
  deepEqual(
    [...containers.map(({ id }) => id), ...told].toSorted(byText),
    scene.containers.map(({ id }) => id).toSorted(byText),
  );
  deepEqual(told.toSorted(byText), ["after1", "after2", "during1", "during2", "during3"]);
});

test("a step that takes too long keeps a plugin out, and nobody else up", async (t) => {
  const scene = await nriScene(t, { synchronizeTimeoutMs: 50 });
  const leave = await scene.hooks.enter(t.signal);
  const plugin = await scene.connect();
  await plugin.closed;
  (await scene.hooks.enter(t.signal))();
  leave();
  scene.limit({ synchronizeTimeoutMs: 60_000 });
  await scene.join();
});

test("updates and evictions that a plugin asks for reach the containers; unknown ones are passed over", async (t) => {
  const scene = await nriScene(t);
  const plugin = await scene.join({
    onSynchronize: () => ({ update: [{ containerId: "a", linux: { resources: { cpu: { shares: { value: 1n } } } } }] }),
  });
  await plugin.updateContainers(
    [{ containerId: "b", linux: { resources: { cpu: { quota: { value: -1n } } } } }],
    [{ containerId: "c", reason: "too loud" }],
  );
  deepEqual(scene.updated, [
    { containerId: "a", resources: { cpuShares: 1, hugepageLimits: [], unified: {} } },
    { containerId: "b", resources: { cpuQuota: -1, hugepageLimits: [], unified: {} } },
  ]);
  deepEqual(scene.stopped, ["c"]);
});

test("a plugin that hangs costs one event its limit, and the next nothing", async (t) => {
  const scene = await nriScene(t);
  await scene.join({ on: { stopContainer: () => new Promise(() => {}) } });
  scene.limit({ requestTimeoutMs: 60 });
  const before = performance.now();
  await scene.hooks.stopContainer(pod, containerRecord("exited"), t.signal);
  ok(performance.now() - before >= 50);
  equal(scene.nri.isActive, false);
});
