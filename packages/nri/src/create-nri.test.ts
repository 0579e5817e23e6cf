import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { connectStubPlugin } from "./testing/stub-plugin.ts";
import { patient, startTestNri, testContainer, testPod, until } from "./testing/test-nri.ts";

test("a plugin registers, is configured, learns of what there is and takes events", async (t) => {
  const { nri, host, socket } = await startTestNri(t, { requestTimeoutMs: 40_000, registrationTimeoutMs: 50_000 });
  host.pods = [testPod()];
  host.containers = [testContainer()];
  equal(statSync(socket).mode & 0o777, 0o600);
  equal(nri.isActive, false);
  const plugin = await connectStubPlugin(socket, { name: "logger", index: "10" });
  const set = await plugin.synchronized;
  deepEqual([set.pods.map(({ id }) => id), set.containers.map(({ id }) => id)], [["pod1"], ["c1"]]);
  await until("the plugin has joined", () => nri.isActive);
  const { runtimeName, NRIVersion, requestTimeout, registrationTimeout } = plugin.configuration ?? {};
  deepEqual([runtimeName, NRIVersion, requestTimeout, registrationTimeout], ["crib", "v0.12.2", 40_000n, 50_000n]);
  deepEqual([host.holds, host.releases], [1, 1]);
  equal(nri.plugins()[0]?.pid, process.pid);

  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  await nri.notify("StartContainer", { pod: testPod(), container: testContainer() }, t.signal);
  deepEqual(plugin.told, [
    { event: "RunPodSandbox", podId: "pod1", containerId: undefined },
    { event: "StartContainer", podId: "pod1", containerId: "c1" },
  ]);
});

test("events go to plugins by index, each waiting for the one before", async (t) => {
  const { nri, socket } = await startTestNri(t);
  const order: string[] = [];
  const on = (name: string, ms: number) => ({
    runPodSandbox: async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      order.push(`${name} ends`);
      return {};
    },
  });
  const second = await connectStubPlugin(socket, { name: "b", index: "20", on: on("second", 1) });
  await second.synchronized;
  const first = await connectStubPlugin(socket, { name: "a", index: "10", on: on("first", 30) });
  await first.synchronized;
  await until("both have joined", () => nri.plugins().length === 2);
  deepEqual(
    nri.plugins().map(({ fullName }) => fullName),
    ["10-a", "20-b"],
  );
  await nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  deepEqual(order, ["first begins", "first ends", "second begins", "second ends"]);
});

test("a plugin refuses a pod with its own words, and later plugins are not told", async (t) => {
  const { nri, socket } = await startTestNri(t);
  const refuses = await connectStubPlugin(socket, {
    name: "no",
    index: "10",
    on: {
      runPodSandbox: () => {
        throw new Error("not on this node");
      },
    },
  });
  const later = await connectStubPlugin(socket, { name: "later", index: "20" });
  await Promise.all([refuses.synchronized, later.synchronized]);
  await until("both have joined", () => nri.plugins().length === 2);
  await rejects(nri.notify("RunPodSandbox", { pod: testPod() }, t.signal), {
    code: Code.FailedPrecondition,
    message: 'plugin "10-no" refused RunPodSandbox: not on this node',
  });
  deepEqual(later.told, []);
  equal(nri.plugins().length, 2);
});

test("what cannot be refused reaches every plugin", async (t) => {
  const { nri, socket, log } = await startTestNri(t);
  const on = {
    stopPodSandbox: () => {
      throw new Error("no");
    },
    stopContainer: () => {
      throw new Error("no");
    },
  };
  const first = await connectStubPlugin(socket, { name: "a", index: "10", on });
  const second = await connectStubPlugin(socket, { name: "b", index: "20" });
  await Promise.all([first.synchronized, second.synchronized]);
  await until("both have joined", () => nri.plugins().length === 2);
  await nri.notify("StopPodSandbox", { pod: testPod() }, t.signal);
  await nri.stopContainer({ pod: testPod(), container: testContainer() }, t.signal);
  deepEqual(
    second.told.map(({ event }) => event),
    ["StopPodSandbox", "StopContainer"],
  );
  equal(log.filter(({ message }) => message.includes("cannot refuse")).length, 2);
});

const hang = (): Promise<never> => new Promise(() => {});

test("a plugin that answers late is closed, loudly, and the event goes on", async (t) => {
  const { nri, socket, log, limit } = await startTestNri(t);
  const hangs = await connectStubPlugin(socket, { name: "hangs", index: "10", on: { runPodSandbox: hang } });
  const second = await connectStubPlugin(socket, { name: "b", index: "20" });
  await Promise.all([hangs.synchronized, second.synchronized]);
  await until("both have joined", () => nri.plugins().length === 2);
  limit({ requestTimeoutMs: 50 });
  const notified = nri.notify("RunPodSandbox", { pod: testPod() }, t.signal);
  // The first plugin's time runs by now; the second is to have all it needs.
  limit(patient);
  await notified;
  equal(second.told.length, 1);
  await hangs.closed;
  deepEqual(
    nri.plugins().map(({ name }) => name),
    ["b"],
  );
  const lost = log.find(({ message }) => message.includes("lost"));
  deepEqual([lost?.level, lost?.fields["plugin"], lost?.fields["event"]], ["error", "10-hangs", "RunPodSandbox"]);
  match(String(lost?.fields["durationMs"]), /^\d+$/);
  const counted = nri.metrics().invocations.find(({ status }) => status === "lost");
  deepEqual([counted?.plugin, counted?.operation, counted?.count], ["10-hangs", "RunPodSandbox", 1]);
  equal(nri.metrics().activePlugins, 1);
});

test("a plugin may come again and is synchronized anew", async (t) => {
  const { nri, host, socket } = await startTestNri(t);
  const first = await connectStubPlugin(socket);
  await first.synchronized;
  await first.close();
  await until("it is gone", () => !nri.isActive);
  host.pods = [testPod({ id: "pod2" })];
  const again = await connectStubPlugin(socket);
  deepEqual(
    (await again.synchronized).pods.map(({ id }) => id),
    ["pod2"],
  );
});
