import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { type Container, Field, LinuxResourcesSchema } from "@crib/wire/nri";

import { noValidator } from "../testing/no-validator.ts";
import { connectStubPlugin, type StubOptions, type StubPlugin } from "../testing/stub-plugin.ts";
import { startTestNri, type TestNri, testContainer, testPod, until } from "../testing/test-nri.ts";
import type { NriOptions } from "../types.ts";

/** A runtime's side with plugins that have joined. */
async function start(
  t: TestContext,
  plugins: readonly StubOptions[],
  options: Partial<NriOptions> = {},
): Promise<TestNri & { readonly plugins: readonly StubPlugin[] }> {
  const test = await startTestNri(t, options);
  const stubs: StubPlugin[] = [];
  for (const plugin of plugins) stubs.push(await connectStubPlugin(test.socket, plugin));
  await until("all have joined", () => test.nri.plugins().length === plugins.length);
  return { ...test, plugins: stubs };
}

const subject = { pod: testPod(), container: testContainer({ env: ["A=1"] }) };
const shares = (value: bigint) => ({ cpu: { shares: { value } } });

test("each plugin sees the container as those before it want it, and the result has all of it", async (t) => {
  const seen: Container[] = [];
  const { nri } = await start(t, [
    {
      index: "20",
      name: "second",
      events: ["CreateContainer"],
      on: {
        createContainer: ({ container }) => {
          if (container) seen.push(container);
          return { adjust: { env: [{ key: "TWO", value: "2" }] } };
        },
      },
    },
    {
      index: "10",
      name: "first",
      events: ["CreateContainer"],
      on: {
        createContainer: () => ({
          adjust: { env: [{ key: "ONE", value: "1" }] },
          update: [{ containerId: "other", linux: { resources: shares(7n) } }],
        }),
      },
    },
  ]);
  const { adjust, updates } = await nri.createContainer(subject, t.signal);
  deepEqual(seen[0]?.env, ["A=1", "ONE=1"]);
  deepEqual(
    adjust?.env.map(({ key }) => key),
    ["ONE", "TWO"],
  );
  deepEqual(
    updates.map(({ containerId }) => containerId),
    ["other"],
  );
  deepEqual(nri.metrics().adjustments, { Env: 2 });
});

test("plugins in conflict, bad replies and refusals fail the creation", async (t) => {
  const adjust = { annotations: { k: "v" } };
  const conflict = await start(t, [
    { index: "10", on: { createContainer: () => ({ adjust }) } },
    { index: "20", on: { createContainer: () => ({ adjust }) } },
  ]);
  await rejects(conflict.nri.createContainer(subject, t.signal), {
    code: Code.FailedPrecondition,
    message: /"10-stub" and "20-stub" both set its annotation "k"/,
  });
  const bad = await start(t, [{ on: { createContainer: () => ({ adjust: { env: [{ key: "" }] } }) } }]);
  await rejects(bad.nri.createContainer(subject, t.signal), /reply of plugin "00-stub": environment variable is empty/);
  const refuses = await start(t, [
    {
      on: {
        createContainer: () => {
          throw new Error("no room");
        },
      },
    },
  ]);
  await rejects(refuses.nri.createContainer(subject, t.signal), /plugin "00-stub" refused CreateContainer: no room/);
});

test("validators are told of the container as it was, who wants what, and who was asked", async (t) => {
  let request: { env: readonly string[]; owner: string | undefined; plugins: readonly string[] } | undefined;
  const { nri } = await start(t, [
    {
      index: "10",
      name: "a",
      events: ["CreateContainer"],
      on: { createContainer: () => ({ adjust: { args: ["sh"] } }) },
    },
    { index: "20", name: "silent", events: ["StopContainer"] },
    {
      index: "30",
      name: "v",
      events: ["ValidateContainerAdjustment"],
      on: {
        validateContainerAdjustment: ({ container, owners, plugins }) => {
          request = {
            env: container?.args ?? [],
            owner: owners?.owners["c1"]?.simple[Field.Args],
            plugins: plugins.map(({ index, name }) => `${index}-${name}`),
          };
          return { reject: true, reason: "arguments are fixed" };
        },
      },
    },
  ]);
  await rejects(nri.createContainer(subject, t.signal), {
    code: Code.FailedPrecondition,
    message: 'validator "30-v" refused the adjustment of container "c1": arguments are fixed',
  });
  deepEqual(request, { env: [], owner: "10-a", plugins: ["10-a", "20-silent", "30-v"] });
});

test("all validators are asked at once, and one that is late refuses", async (t) => {
  const events = ["ValidateContainerAdjustment"] as const;
  const allAsked = Promise.withResolvers<object>();
  let asked = 0;
  const on = {
    validateContainerAdjustment: () => {
      asked += 1;
      if (asked === 3) allAsked.resolve({});
      return allAsked.promise;
    },
  };
  const plugins = ["10", "20", "30"].map((index) => ({ index, events, on }));
  const { nri } = await start(t, plugins);
  await nri.createContainer(subject, t.signal);

  const late = await start(t, [{ events, on: { validateContainerAdjustment: () => new Promise(() => {}) } }]);
  late.limit({ requestTimeoutMs: 50 });
  await rejects(late.nri.createContainer(subject, t.signal), /validator "00-stub" was lost/);
});

test("the built-in validator refuses by owner, and asks for plugins that are required", async (t) => {
  const defaultValidator = { ...noValidator, enable: true, rejectSysctls: true, requiredPlugins: ["must"] };
  const { nri, socket } = await startTestNri(t, { defaultValidator });
  await rejects(nri.notify("RunPodSandbox", { pod: testPod() }, t.signal), /required plugin "must" is not there/);
  await rejects(nri.createContainer(subject, t.signal), /required plugin "must" is not there/);
  const plugin = await connectStubPlugin(socket, {
    name: "must",
    on: { createContainer: () => ({ adjust: { linux: { sysctl: { "a.b": "1" } } } }) },
  });
  await until("it has joined", () => nri.plugins().length === 1);
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  await rejects(nri.createContainer(subject, t.signal), /plugin "00-must" adjusts sysctls of container "c1"/);
  await plugin.close();
  await until("it is gone", () => nri.plugins().length === 0);
  await rejects(nri.notify("RunPodSandbox", { pod: testPod() }, t.signal), /required plugin/);
});

test("an update starts from what was asked, each plugin on top of the one before, others' apart", async (t) => {
  const seen: (bigint | undefined)[] = [];
  const { nri } = await start(t, [
    {
      index: "10",
      on: {
        updateContainer: () => ({
          update: [
            { containerId: "c1", linux: { resources: shares(20n) } },
            { containerId: "c2", linux: { resources: shares(5n) } },
          ],
        }),
      },
    },
    {
      index: "20",
      on: {
        updateContainer: ({ linuxResources }) => {
          seen.push(linuxResources?.cpu?.shares?.value);
          return {};
        },
      },
    },
  ]);
  const requested = create(LinuxResourcesSchema, { cpu: { shares: { value: 10n }, quota: { value: 30n } } });
  const { resources, updates } = await nri.updateContainer(subject, requested, t.signal);
  deepEqual([resources?.cpu?.shares?.value, resources?.cpu?.quota?.value, seen], [20n, 30n, [20n]]);
  deepEqual(
    updates.map(({ containerId }) => containerId),
    ["c2"],
  );
});

test("an update that no plugin touches is left as it was asked for", async (t) => {
  const { nri } = await start(t, [{}]);
  deepEqual(await nri.updateContainer(subject, create(LinuxResourcesSchema), t.signal), { updates: [] });
});

test("a plugin asks for updates by itself and hears which failed; evictions reach the host", async (t) => {
  const { host, plugins } = await start(t, [{}]);
  const [plugin] = plugins;
  await plugin?.updateContainers([{ containerId: "x", linux: { resources: shares(1n) } }], [{ containerId: "y" }]);
  deepEqual([host.updates.map(({ containerId }) => containerId), host.evicted], [["x"], ["y"]]);
  host.failing.add("z");
  await rejects(plugin?.updateContainers([{ containerId: "z" }]) ?? Promise.resolve(), /failed for "z"/);
  await plugin?.updateContainers([{ containerId: "z", ignoreFailure: true }]);
  await rejects(plugin?.updateContainers([{ containerId: "../x" }]) ?? Promise.resolve(), /is not one/);
});

test("a plugin may ask for updates inside of an event", async (t) => {
  const stub: StubPlugin[] = [];
  const { nri, host, plugins } = await start(t, [
    {
      on: {
        startContainer: async () => {
          await stub[0]?.updateContainers([{ containerId: "x", linux: { resources: shares(1n) } }]);
          return {};
        },
      },
    },
  ]);
  stub.push(...plugins);
  await nri.notify("StartContainer", subject, t.signal);
  equal(host.updates.length, 1);
});

test("a plugin without a call for an event is told by StateChange, and remembered", async (t) => {
  const { nri, plugins } = await start(t, [{ lacks: ["runPodSandbox", "startContainer"] }]);
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  await nri.notify("StartContainer", subject, t.signal);
  deepEqual(
    plugins[0]?.told.map(({ event, podId }) => `${event} ${podId}`),
    ["StateChange pod1", "StateChange pod1"],
  );
});

test("the caller's end ends the wait, and the plugin stays", async (t) => {
  const { nri } = await start(t, [{ on: { runPodSandbox: () => new Promise(() => {}) } }]);
  const ends = new AbortController();
  const call = nri.notify("RunPodSandbox", { pod: testPod() }, ends.signal);
  setTimeout(() => ends.abort(new Error("given up")), 10);
  await rejects(call, /telling plugins of RunPodSandbox: given up/);
  equal(nri.plugins().length, 1);
});

test("two plugins that connect at once join one after another", async (t) => {
  const { nri, host, socket } = await startTestNri(t);
  let [inside, most] = [0, 0];
  const onSynchronize = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inside -= 1;
  };
  await Promise.all([
    connectStubPlugin(socket, { index: "10", onSynchronize }),
    connectStubPlugin(socket, { index: "20", onSynchronize }),
  ]);
  await until("both have joined", () => nri.plugins().length === 2);
  deepEqual([most, host.holds, host.releases], [1, 2, 2]);
  match(
    nri
      .plugins()
      .map(({ index }) => index)
      .join(),
    /^10,20$/,
  );
});
