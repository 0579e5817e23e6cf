import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { fromBinary } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import {
  CgroupDriver,
  ContainerEventResponseSchema,
  ContainerEventType,
  ImageService,
  PodSandboxState,
  RuntimeService,
} from "@crib/wire/cri";

import { runcHandler } from "./testing/runc-handler.ts";
import { podConfig, sandboxRecord } from "./testing/sandbox-record.ts";
import { startTestServer } from "./testing/test-server.ts";

const runtime = RuntimeService.method;
const web = podConfig();

test("Version and Status answer while crib is still recovering, everything else is Unavailable", async () => {
  await using server = await startTestServer();
  server.gate.isOpen = false;
  equal((await server.client.call(runtime.version, {})).runtimeName, "crib");
  const { status } = await server.client.call(runtime.status, {});
  deepEqual(
    status?.conditions.map(({ type, status: holds }) => [type, holds]),
    [
      ["RuntimeReady", false],
      ["NetworkReady", true],
    ],
  );
  for (const method of [...RuntimeService.methods, ...ImageService.methods]) {
    if (method.name === "Version" || method.name === "Status") continue;
    const answer =
      method.methodKind === "unary"
        ? server.client.callRaw(`/${method.parent.typeName}/${method.name}`, Buffer.alloc(0))
        : server.client.collect(method as typeof runtime.streamPodSandboxes, {});
    await rejects(answer, { code: Code.Unavailable, details: "crib is re-attaching to its pods" }, method.name);
  }
});

test("a pod sandbox is run, shown, listed, stopped and removed", async () => {
  await using server = await startTestServer();
  const { client, sandboxes } = server;
  const labels = { app: "web" };
  const { podSandboxId } = await client.call(runtime.runPodSandbox, { config: podConfig({ labels }) });
  equal(sandboxes.requests[0]?.labels["app"], "web");

  const { status, info } = await client.call(runtime.podSandboxStatus, { podSandboxId, verbose: false });
  equal(status?.state, PodSandboxState.SANDBOX_READY);
  equal(status?.network?.ip, "10.88.0.2");
  deepEqual(
    status?.network?.additionalIps.map(({ ip }) => ip),
    ["fd00::2"],
  );
  equal(status?.createdAt, BigInt(Date.parse("2026-11-21T01:02:03.456Z")) * 1_000_000n);
  deepEqual({ ...status?.labels }, labels);
  deepEqual(info, {});

  await client.call(runtime.stopPodSandbox, { podSandboxId });
  const stopped = await client.call(runtime.podSandboxStatus, { podSandboxId, verbose: false });
  equal(stopped.status?.state, PodSandboxState.SANDBOX_NOTREADY);
  equal(stopped.status?.network?.ip, "");

  await client.call(runtime.removePodSandbox, { podSandboxId });
  await client.call(runtime.removePodSandbox, { podSandboxId });
  equal((await client.call(runtime.listPodSandbox, {})).items.length, 0);
  await rejects(client.call(runtime.podSandboxStatus, { podSandboxId }), { code: Code.NotFound });
});

test("lists are filtered by prefix of the id, by state and by labels, and streamed alike", async () => {
  await using server = await startTestServer();
  const { client, sandboxes } = server;
  const a = sandboxRecord("aa".repeat(32), { labels: { app: "a" } });
  const b = sandboxRecord("ab".repeat(32), { labels: { app: "b" } });
  sandboxes.set(a);
  sandboxes.set({ ...b, state: "notready" });
  const cases: [object, string[]][] = [
    [{}, [a.id, b.id]],
    [{ id: "ab" }, [b.id]],
    [{ id: "cc" }, []],
    [{ id: "../x" }, []],
    [{ id: "a".repeat(300) }, []],
    [{ state: { state: PodSandboxState.SANDBOX_READY } }, [a.id]],
    [{ state: { state: PodSandboxState.SANDBOX_NOTREADY } }, [b.id]],
    [{ labelSelector: { app: "b" } }, [b.id]],
    [{ labelSelector: { app: "b" }, id: "aa" }, []],
  ];
  for (const [filter, ids] of cases) {
    const { items } = await client.call(runtime.listPodSandbox, { filter });
    deepEqual(
      items.map(({ id }) => id),
      ids,
      JSON.stringify(filter),
    );
    const streamed = await client.collect(runtime.streamPodSandboxes, { filter });
    deepEqual(
      streamed.flatMap(({ podSandboxes }) => podSandboxes.map(({ id }) => id)),
      ids,
    );
  }
  await rejects(client.call(runtime.listPodSandbox, { filter: { state: { state: 7 as PodSandboxState } } }), {
    code: Code.InvalidArgument,
    details: "invalid filter.state: 7 is no known state",
  });
});

test("ten thousand pods are streamed in messages below the limit", async () => {
  await using server = await startTestServer();
  const annotations = { document: "x".repeat(2_000) };
  for (let i = 0; i < 10_000; i++) {
    const id = i.toString(16).padStart(64, "0");
    server.sandboxes.records.set(id, sandboxRecord(id, { annotations }));
  }
  const messages = await server.client.collect(runtime.streamPodSandboxes, {});
  equal(messages.flatMap(({ podSandboxes }) => podSandboxes).length, 10_000);
  ok(messages.length >= 10);
});

test("an id that is none of ours is NotFound to status, and success to stop and remove", async () => {
  await using server = await startTestServer();
  const { client } = server;
  for (const podSandboxId of ["../../etc", "/etc/passwd", "f".repeat(300), "A".repeat(64), "a\nb", "nö", "__proto__"]) {
    await rejects(client.call(runtime.podSandboxStatus, { podSandboxId }), { code: Code.NotFound });
    await rejects(client.call(runtime.podSandboxStats, { podSandboxId }), { code: Code.NotFound });
    await rejects(client.call(runtime.updatePodSandboxResources, { podSandboxId }), { code: Code.NotFound });
    await client.call(runtime.stopPodSandbox, { podSandboxId });
    await client.call(runtime.removePodSandbox, { podSandboxId });
    await client.call(runtime.stopContainer, { containerId: podSandboxId });
    await client.call(runtime.removeContainer, { containerId: podSandboxId });
    await rejects(client.call(runtime.containerStatus, { containerId: podSandboxId }), { code: Code.NotFound });
  }
  const empty = { code: Code.InvalidArgument, details: "invalid pod_sandbox_id: is empty" };
  await rejects(client.call(runtime.stopPodSandbox, {}), empty);
  await rejects(client.call(runtime.removePodSandbox, {}), empty);
  await rejects(client.call(runtime.podSandboxStatus, {}), empty);
});

test("verbose status tells configuration, CNI result and timings as JSON", async () => {
  await using server = await startTestServer();
  const linux = { securityContext: { namespaceOptions: { pid: 1 as const } } };
  const config = podConfig({ linux, logDirectory: "/var/log/pods/x" });
  const { podSandboxId } = await server.client.call(runtime.runPodSandbox, { config });
  const answer = await server.client.call(runtime.podSandboxStatus, { podSandboxId, verbose: true });
  equal(answer.status?.linux?.namespaces?.options?.pid, 1);
  const info = JSON.parse(answer.info["info"] ?? "") as Record<string, unknown>;
  equal((info["config"] as Record<string, unknown>)["log_directory"], "/var/log/pods/x");
  deepEqual(info["cniResult"], [{ cniVersion: "1.1.0" }]);
  equal(info["controller"], "podsandbox");
  deepEqual(info["timings"], []);
  equal(server.sandboxes.described, 1);
});

test("verbose status tells what the controller says, and no other asks it", async () => {
  await using server = await startTestServer();
  const { podSandboxId } = await server.client.call(runtime.runPodSandbox, { config: podConfig() });
  server.sandboxes.facts = { info: { hypervisor: "fake" }, problem: "no platform" };
  await server.client.call(runtime.podSandboxStatus, { podSandboxId });
  equal(server.sandboxes.described, 0);
  const answer = await server.client.call(runtime.podSandboxStatus, { podSandboxId, verbose: true });
  const { controllerInfo } = JSON.parse(answer.info["info"] ?? "") as Record<string, unknown>;
  deepEqual(controllerInfo, server.sandboxes.facts);
});

test("pods of the host's network show no address", async () => {
  await using server = await startTestServer();
  const linux = { securityContext: { namespaceOptions: { network: 2 as const } } };
  const { podSandboxId } = await server.client.call(runtime.runPodSandbox, { config: podConfig({ linux }) });
  const { status } = await server.client.call(runtime.podSandboxStatus, { podSandboxId });
  equal(status?.network?.ip, "");
});

test("errors of the sandboxes keep code and message, any other says nothing of itself", async () => {
  await using server = await startTestServer();
  const { client, sandboxes } = server;
  sandboxes.beforeRun = async () => {
    throw new StatusError(Code.AlreadyExists, "pod ü\u0000\ud800 is there");
  };
  await rejects(client.call(runtime.runPodSandbox, { config: web }), { code: Code.AlreadyExists });
  sandboxes.beforeRun = async () => {
    throw new TypeError("cannot read secret-token of undefined");
  };
  const failure = client.call(runtime.runPodSandbox, { config: web });
  await rejects(failure, {
    code: Code.Internal,
    details: "RunPodSandbox failed unexpectedly; the log of crib says more",
  });
  const line = server.logged.find(({ level }) => level === "error");
  equal(line?.message, "call failed unexpectedly");
  equal(line?.fields["method"], "RunPodSandbox");
  ok(line?.fields["err"] instanceof TypeError);
  sandboxes.beforeRun = async () => {
    throw new StatusError(Code.Unavailable, "ü".repeat(100_000));
  };
  await rejects(client.call(runtime.runPodSandbox, { config: web }), { code: Code.Unavailable });
});

test("a client that leaves aborts the signal of its call, a deadline does so by its own name", async () => {
  await using server = await startTestServer();
  const reasons: unknown[] = [];
  let entered = 0;
  server.sandboxes.beforeRun = (signal) =>
    new Promise((_resolve, reject) => {
      entered += 1;
      signal.addEventListener("abort", () => {
        reasons.push(signal.reason);
        reject(signal.reason as Error);
      });
    });
  const isTold = (): boolean => reasons.some((reason) => (reason as StatusError).code === Code.DeadlineExceeded);
  // Where the machine stalls, a short deadline passes before the call has come.
  for (let timeoutMs = 50; timeoutMs < 20_000 && !isTold(); timeoutMs *= 4) {
    const late = server.client.call(runtime.runPodSandbox, { config: web }, { deadline: Date.now() + timeoutMs });
    await rejects(late, { code: Code.DeadlineExceeded });
    while (reasons.length < entered) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ok(isTold());
});

test("events of pods are streamed with the pod's status until the client leaves", async () => {
  await using server = await startTestServer();
  const { client } = server;
  const stream = client.open(runtime.getContainerEvents, {});
  stream.on("error", () => {});
  await once(stream, "metadata");
  const { podSandboxId } = await client.call(runtime.runPodSandbox, { config: web });
  await client.call(runtime.stopPodSandbox, { podSandboxId });
  await client.call(runtime.removePodSandbox, { podSandboxId });
  const seen: [ContainerEventType, PodSandboxState | undefined][] = [];
  for await (const bytes of stream) {
    const event = fromBinary(ContainerEventResponseSchema, bytes as Buffer);
    equal(event.containerId, podSandboxId);
    equal(event.createdAt, 1_700_000_000_000_000_000n);
    seen.push([event.containerEventType, event.podSandboxStatus?.state]);
    if (seen.length === 4) break;
  }
  const { CONTAINER_CREATED_EVENT: created, CONTAINER_STARTED_EVENT: started } = ContainerEventType;
  const { CONTAINER_STOPPED_EVENT: stopped, CONTAINER_DELETED_EVENT: deleted } = ContainerEventType;
  const { SANDBOX_READY: ready, SANDBOX_NOTREADY: notReady } = PodSandboxState;
  deepEqual(seen, [
    [created, ready],
    [started, ready],
    [stopped, notReady],
    [deleted, notReady],
  ]);
  stream.cancel();
  for (let i = 0; i < 6_000 && server.eventReaders() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  equal(server.eventReaders(), 0);
});

test("closing ends streams with Unavailable and lets a call that runs end", async () => {
  await using server = await startTestServer({}, { drainMs: 2_000 });
  const { client, sandboxes } = server;
  const release = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  sandboxes.beforeRun = () => (entered.resolve(), release.promise);
  const run = client.call(runtime.runPodSandbox, { config: web });
  const stream = client.open(runtime.getContainerEvents, {});
  const ended = once(stream, "error") as Promise<[{ code: number }]>;
  stream.resume();
  await Promise.all([entered.promise, once(stream, "metadata")]);
  const closed = server.close();
  equal((await ended)[0].code, Code.Unavailable);
  release.resolve();
  equal((await run).podSandboxId.length, 64);
  await closed;
  await server.close();
});

test("closing does not wait longer than it was told for a call that hangs", async () => {
  await using server = await startTestServer({}, { drainMs: 100 });
  const entered = Promise.withResolvers<void>();
  server.sandboxes.beforeRun = () => (entered.resolve(), new Promise(() => {}));
  const run = server.client.call(runtime.runPodSandbox, { config: web });
  const failed = rejects(run);
  await entered.promise;
  await server.close();
  await failed;
});

test("Status names handlers by name, the default one without a name, and verbose the configuration", async () => {
  const status = async (): Promise<{ ready: boolean; reason: string; message: string }> => ({
    ready: false,
    reason: "NetworkPluginNotReady",
    message: 'no network configuration in "/etc/cni/net.d"',
  });
  await using server = await startTestServer({
    networks: { status, describe: () => [], updatePodCidrs: async () => {} },
  });
  const answer = await server.client.call(runtime.status, { verbose: true });
  deepEqual(
    answer.runtimeHandlers.map(({ name, features }) => [name, features?.userNamespaces]),
    [
      ["", true],
      ["kata", false],
      ["runc", true],
    ],
  );
  const network = answer.status?.conditions.find(({ type }) => type === "NetworkReady");
  equal(network?.status, false);
  equal(network?.reason, "NetworkPluginNotReady");
  match(network?.message ?? "", /\/etc\/cni\/net\.d/);
  equal(answer.info["config"], '{"root":"/var/lib/crib"}');
  equal(answer.info["lastCNILoadStatus"], 'no network configuration in "/etc/cni/net.d"');
  equal(answer.features?.supplementalGroupsPolicy, true);
});

test("a handler that cannot run pods is not offered, and the reason is told", async () => {
  const kata = { ...runcHandler, name: "kata" };
  const runc = { handler: runcHandler, recursiveReadOnlyMounts: true, userNamespaces: true };
  const handlers = { defaultName: "kata", all: [runc], broken: [{ handler: kata, reason: "its shim is missing" }] };
  await using server = await startTestServer({ handlers });
  const answer = await server.client.call(runtime.status, { verbose: true });
  deepEqual(
    answer.runtimeHandlers.map(({ name }) => name),
    ["runc"],
  );
  const ready = answer.status?.conditions.find(({ type }) => type === "RuntimeReady");
  equal(ready?.status, false);
  equal(ready?.reason, "DefaultHandlerBroken");
  equal(ready?.message, 'default runtime handler "kata": its shim is missing');
  const described = JSON.parse(answer.info["handlers"] ?? "") as readonly Record<string, unknown>[];
  deepEqual(
    described.map(({ name, usable, reason, default: isDefault }) => [name, usable, reason, isDefault]),
    [
      ["kata", false, "its shim is missing", true],
      ["runc", true, undefined, false],
    ],
  );
  const run = server.client.call(runtime.runPodSandbox, { config: web });
  await rejects(run, { code: Code.FailedPrecondition, message: /runtime handler "kata": its shim is missing/ });
});

test("RuntimeConfig tells the cgroup driver, UpdateRuntimeConfig takes pod networks", async () => {
  await using server = await startTestServer();
  const { client } = server;
  equal((await client.call(runtime.runtimeConfig, {})).linux?.cgroupDriver, CgroupDriver.CGROUPFS);
  await client.call(runtime.updateRuntimeConfig, {});
  deepEqual(server.podCidrs, []);
  const podCidr = "10.1.0.0/24,fd00::/64";
  await client.call(runtime.updateRuntimeConfig, { runtimeConfig: { networkConfig: { podCidr } } });
  deepEqual(server.podCidrs, [["10.1.0.0/24", "fd00::/64"]]);
});

test("a taken socket is AlreadyExists, a path that no socket can have InvalidArgument", async () => {
  await using server = await startTestServer();
  const { createCriServer } = await import("./server.ts");
  const other = createCriServer({ sandboxes: server.sandboxes, containers: server.containers } as never);
  await rejects(other.listen(server.socketPath), { code: Code.AlreadyExists });
  await rejects(async () => await other.listen(`/${"x".repeat(200)}`), { code: Code.InvalidArgument });
  await rejects(async () => await other.listen("crib.sock"), { code: Code.InvalidArgument });
  await other.close();
});
