import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { connectStubPlugin, type StubHandlers } from "@crib/nri/testing";

import { startContainerNode } from "../support/containers/container-node.ts";
import { wholeLife } from "../support/containers/whole-life.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { eventsOf, joinPlugin } from "../support/join-plugin.ts";
import { needsRoot } from "../support/needs-root.ts";

const MiB = 1024n * 1024n;

/** What a test of refusals makes and expects to be gone. */
const refusals: readonly { readonly event: keyof StubHandlers; readonly name: string }[] = [
  { event: "runPodSandbox", name: "RunPodSandbox" },
  { event: "createContainer", name: "CreateContainer" },
  { event: "startContainer", name: "StartContainer" },
];

const refuse = (): never => {
  throw new Error("not on this node");
};

test("plugins over the NRI socket", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;

  await t.test("are told of a whole life in its order", async (t) => {
    const plugin = await joinPlugin(t, node);
    const events = eventsOf(plugin, await wholeLife(scene));
    deepEqual(events, [
      "RunPodSandbox",
      "CreateContainer",
      "ValidateContainerAdjustment",
      "PostCreateContainer",
      "StartContainer",
      "PostStartContainer",
      "UpdateContainer",
      "PostUpdateContainer",
      "StopContainer",
      "RemoveContainer",
      "StopPodSandbox",
      "RemovePodSandbox",
    ]);
  });

  await t.test("adjust what a container is, and it sees that", async (t) => {
    await joinPlugin(t, node, {
      events: ["CreateContainer"],
      on: {
        createContainer: () => ({
          adjust: {
            env: [{ key: "FROM_PLUGIN", value: "yes" }],
            annotations: { "example.org/seen": "1" },
            mounts: [{ destination: "/given", type: "bind", source: node.lane.dir, options: ["rbind", "ro"] }],
            // Not that of open files: programs in Go, as runc is, raise it for themselves and may hand it on.
            rlimits: [{ type: "RLIMIT_MSGQUEUE", hard: 777n, soft: 333n }],
            linux: {
              resources: { memory: { limit: { value: 64n * MiB } }, cpu: { shares: { value: 123n } } },
              oomScoreAdj: { value: 321n },
            },
          },
        }),
      },
    });
    const pod = await node.runPod();
    const container = await scene.runContainer(pod);
    equal(
      await container.sh("echo $FROM_PLUGIN; grep msgqueue /proc/self/limits | tr -s ' '; cat /proc/1/oom_score_adj"),
      "yes\nMax msgqueue size 333 777 bytes \n321\n",
    );
    equal(await container.sh("test -e /given/config.toml && ! touch /given/x 2>/dev/null && echo there"), "there\n");
    const info = await container.info();
    match(JSON.stringify(info), /example\.org\/seen/);
    deepEqual(cgroupValues(Number(info["pid"])), { memory: `${64n * MiB}`, shares: "123" });
    await pod.remove();
  });

  await t.test("that refuse leave nothing, and the same is possible at once without them", async (t) => {
    const config = node.podConfig({ name: "refused" });
    for (const { event, name } of refusals) {
      await t.test(name, async (t) => {
        const plugin = await joinPlugin(t, node, { on: { [event]: refuse } });
        const refused = { code: Code.FailedPrecondition, message: /not on this node/ };
        const run = (): Promise<unknown> => node.cri.runtime.runPodSandbox({ config });
        if (event === "runPodSandbox") {
          await rejects(run(), refused);
          deepEqual(await node.leftovers(), []);
        } else {
          const pod = await node.runPod({ name: `pod-${event}` });
          const before = (await node.leftovers()).length;
          if (event === "createContainer") {
            await rejects(scene.createContainer(pod, { name: "same" }), refused);
            deepEqual((await node.cri.runtime.listContainers({})).containers, []);
          } else {
            const container = await scene.createContainer(pod, { name: "same" });
            await rejects(container.start(), /not on this node/);
            const { exitCode, reason } = await container.status();
            deepEqual([exitCode, reason], [128, "StartError"]);
            await container.remove();
          }
          await eventually(10_000, async () => equal((await node.leftovers()).length, before));
          deepEqual(await node.leaks(), []);
          await plugin.close();
          const again = await scene.runContainer(pod, { name: "same" });
          equal(await again.sh("echo runs"), "runs\n");
          await pod.remove();
        }
        await plugin.close();
        deepEqual(await node.leaks(), []);
      });
    }
    const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config });
    await node.cri.runtime.removePodSandbox({ podSandboxId });
  });

  await t.test("that die in the middle of an event do not fail it", async (t) => {
    const plugin = await joinPlugin(t, node, {
      on: {
        createContainer: async () => {
          await plugin.close();
          return {};
        },
      },
    });
    const pod = await node.runPod();
    const container = await scene.runContainer(pod);
    equal(await container.sh("echo runs"), "runs\n");
    await pod.remove();
  });

  await t.test("change and evict containers by themselves", async (t) => {
    const plugin = await joinPlugin(t, node);
    const pod = await node.runPod();
    const container = await scene.runContainer(pod);
    const pid = Number((await container.info())["pid"]);
    const resources = { memory: { limit: { value: 96n * MiB } }, cpu: { shares: { value: 456n } } };
    await plugin.updateContainers([{ containerId: container.id, linux: { resources } }]);
    deepEqual(cgroupValues(pid), { memory: `${96n * MiB}`, shares: "456" });
    // A flood is refused beyond what one connection may have running, and costs nobody else anything.
    const flood = await Promise.allSettled(
      Array.from({ length: 500 }, (_, index) => {
        const containerId = index % 2 === 0 ? "0".repeat(64) : container.id;
        return plugin.updateContainers([{ containerId, linux: { resources: {} } }]);
      }),
    );
    const codes = new Set(flood.map((one) => (one.status === "rejected" ? (one.reason as { code: Code }).code : 0)));
    deepEqual(codes, new Set([0, Code.ResourceExhausted]));
    equal((await node.cri.runtime.version({})).runtimeName, "crib");
    await plugin.updateContainers([], [{ containerId: container.id, reason: "too loud" }]);
    equal((await container.ended()).exitCode, 137);
    await pod.remove();
  });

  await t.test("come again after a restart and are told what runs", async (t) => {
    const pod = await node.runPod();
    const container = await scene.runContainer(pod);
    const before = await joinPlugin(t, node);
    await node.restart();
    await before.closed;
    const after = await connectStubPlugin(join(node.state, "nri.sock"));
    endAfter(t, () => after.close());
    const { pods, containers } = await after.synchronized;
    deepEqual([pods.map(({ id }) => id), containers.map(({ id }) => id)], [[pod.id], [container.id]]);
    equal(containers[0]?.pid, Number((await container.info())["pid"]));
    await container.stop(0);
    await eventually(10_000, () => deepEqual(eventsOf(after, pod.id), ["StopContainer"]));
    await pod.remove();
  });

  await t.test("that hang are dropped after their time, and others are not held up", async (t) => {
    const before = readFileSync(node.configFile, "utf8");
    writeFileSync(node.configFile, before.replace('"request_timeout" = "60s"', '"request_timeout" = "4s"'));
    await node.restart();
    const never = Promise.withResolvers<object>();
    const other = await joinPlugin(t, node, { name: "other", index: "90" });
    const hangs = await joinPlugin(t, node, { name: "hangs", index: "10", on: { runPodSandbox: () => never.promise } });
    const began = performance.now();
    const slow = node.runPod();
    // What asks no plugin is answered meanwhile.
    await node.cri.runtime.version({});
    const asked = performance.now() - began;
    const pod = await slow;
    const took = performance.now() - began;
    ok(asked < took && took >= 3_900 && took < 30_000, `${asked} and ${took} ms`);
    await hangs.closed;
    deepEqual(eventsOf(other, pod.id), ["RunPodSandbox"]);
    await wholeLife(scene);
    never.resolve({});
    await pod.remove();
  });
});

test("a plugin of the directory is started with the daemon, and again with the next one", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: (lane) => {
      const dir = join(lane.dir, "nri", "plugins");
      mkdirSync(dir, { recursive: true });
      mkdirSync(join(lane.dir, "nri", "conf.d"), { recursive: true });
      const path = join(dir, "10-marks.mjs");
      writeFileSync(path, pluginProgram());
      chmodSync(path, 0o755);
      writeFileSync(join(lane.dir, "nri", "conf.d", "10-marks.mjs.conf"), "configured");
      return {};
    },
  });
  const pod = await scene.node.runPod();
  const first = await scene.runContainer(pod);
  equal(await first.sh("echo $MARK"), "configured\n");
  await scene.node.restart();
  const second = await scene.runContainer(pod);
  equal(await second.sh("echo $MARK"), "configured\n");
});

/** A plugin as a program: sets an environment variable to what its configuration says. */
function pluginProgram(): string {
  const stub = import.meta.resolve("@crib/nri/testing");
  return `#!${process.execPath}
import { Socket } from "node:net";
const { openStubPlugin } = await import(${JSON.stringify(stub)});
let plugin;
const createContainer = () => ({ adjust: { env: [{ key: "MARK", value: plugin.configuration.config }] } });
plugin = await openStubPlugin(new Socket({ fd: Number(process.env.NRI_PLUGIN_SOCKET) }), { on: { createContainer } });
`;
}

/** Limits in the cgroup files of a process, of either version. */
function cgroupValues(pid: number): { readonly memory: string; readonly shares: string } {
  const file = readFileSync(`/proc/${pid}/cgroup`, "latin1");
  const read = (controller: string, one: string): string => {
    const path = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, "m").exec(file)?.[1];
    return readFileSync(`/sys/fs/cgroup/${controller}${path}/${one}`, "latin1").trim();
  };
  const unified = /^0::(.*)$/m.exec(file)?.[1];
  if (/^\d+:[^:]*memory/m.test(file)) {
    return { memory: read("memory", "memory.limit_in_bytes"), shares: read("cpu", "cpu.shares") };
  }
  return {
    memory: readFileSync(`/sys/fs/cgroup${unified}/memory.max`, "latin1").trim(),
    shares: readFileSync(`/sys/fs/cgroup${unified}/cpu.weight`, "latin1").trim(),
  };
}
