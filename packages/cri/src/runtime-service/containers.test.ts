import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import { Code, StatusError } from "@crib/errdefs";
import { ContainerConfigSchema, ContainerState, NamespaceMode, RuntimeService, Signal } from "@crib/wire/cri";

import { containerConfig, containerRecord } from "../testing/container-record.ts";
import { podConfig, sandboxRecord } from "../testing/sandbox-record.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const runtime = RuntimeService.method;
const imageId = `sha256:${"a".repeat(64)}`;
const containerId = "c1".repeat(32);

/** A server with one ready pod and one running container in it. */
async function serverWithContainer(change: Partial<ContainerRecord> = {}): Promise<TestServer> {
  const server = await startTestServer();
  const record = containerRecord(containerId);
  server.sandboxes.records.set(record.plan.sandboxId, sandboxRecord(record.plan.sandboxId));
  const facts = { ...record.facts, process: { pid: 4_711, startTime: 1 }, startedAt: "2026-11-21T01:02:04.000Z" };
  server.containers.records.set(containerId, { ...record, state: "running", facts, ...change });
  return server;
}

test("a container is created, started, shown, stopped and removed", async () => {
  await using server = await startTestServer();
  const { client, containers } = server;
  const { podSandboxId } = await client.call(runtime.runPodSandbox, {
    config: podConfig({ logDirectory: "/var/log/pods/web" }),
  });
  const config = containerConfig({ labels: { app: "web" }, logPath: "app/0.log", stopSignal: Signal.SIGRTMINPLUS3 });
  const { containerId: id } = await client.call(runtime.createContainer, { podSandboxId, config });
  equal(containers.requests[0]?.logPath, "/var/log/pods/web/app/0.log");
  equal(containers.requests[0]?.stopSignal, "SIGRTMIN+3");
  const state = async (): Promise<ContainerState | undefined> =>
    (await client.call(runtime.containerStatus, { containerId: id })).status?.state;
  equal(await state(), ContainerState.CONTAINER_CREATED);
  await client.call(runtime.startContainer, { containerId: id });
  equal(await state(), ContainerState.CONTAINER_RUNNING);
  await client.call(runtime.stopContainer, { containerId: id, timeout: 3n });
  const { status } = await client.call(runtime.containerStatus, { containerId: id });
  equal(status?.state, ContainerState.CONTAINER_EXITED);
  equal(status?.exitCode, 143);
  equal(status?.reason, "Error");
  equal(status?.finishedAt, BigInt(Date.parse("2026-11-21T01:02:05Z")) * 1_000_000n + 123_456_789n);
  await client.call(runtime.removeContainer, { containerId: id });
  await client.call(runtime.removeContainer, { containerId: id });
  equal((await client.call(runtime.listContainers, {})).containers.length, 0);
  await rejects(client.call(runtime.containerStatus, { containerId: id }), { code: Code.NotFound });
});

test("a container is not created in a pod that is not there or not ready", async () => {
  await using server = await serverWithContainer();
  const { client, sandboxes } = server;
  const config = containerConfig();
  const podSandboxId = "ab".repeat(32);
  const call = client.call(runtime.createContainer, { podSandboxId, config });
  await rejects(call, { code: Code.NotFound });
  await rejects(client.call(runtime.createContainer, { config }), { details: "invalid pod_sandbox_id: is empty" });
  for (const state of ["notready", "stopping", "removing"] as const) {
    sandboxes.records.set(podSandboxId, { ...sandboxRecord(podSandboxId), state });
    await rejects(client.call(runtime.createContainer, { podSandboxId, config }), {
      code: Code.FailedPrecondition,
      details: `sandbox "${podSandboxId}": not ready`,
    });
  }
  const unreachable = { reason: "its controller is gone", since: new Date().toISOString() };
  sandboxes.records.set(podSandboxId, { ...sandboxRecord(podSandboxId), unreachable });
  await rejects(client.call(runtime.createContainer, { podSandboxId, config }), {
    code: Code.FailedPrecondition,
    details: `sandbox "${podSandboxId}": not ready: its controller is gone`,
  });
});

test("a container whose processes are shared may be named by a prefix", async () => {
  await using server = await serverWithContainer();
  const { client, containers } = server;
  const create = (targetId: string): Promise<unknown> =>
    client.call(runtime.createContainer, {
      podSandboxId: "01",
      config: containerConfig({
        linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.TARGET, targetId } } },
      }),
    });
  await create("c1c1");
  deepEqual(containers.requests[0]?.security.pid, { target: containerId });
  await rejects(create("dd"), { code: Code.NotFound, details: 'container "dd": not found' });
});

test("the status has all that the CRI asks for", async () => {
  const config = create(
    ContainerConfigSchema,
    containerConfig({
      mounts: [
        { containerPath: "/data/", hostPath: "/srv", readonly: true },
        { containerPath: "/image", readonly: true, image: { image: "busybox", userSpecifiedImage: "busybox" } },
      ],
    }),
  );
  const made = containerRecord(containerId, {
    config: toBinary(ContainerConfigSchema, config),
    mounts: ["/data", "/image"].map((containerPath) => ({
      containerPath,
      hostPath: "",
      readonly: true,
      recursiveReadOnly: false,
      selinuxRelabel: false,
      propagation: "private",
      imageSubPath: "",
    })),
    labels: { app: "web" },
    userSpecifiedImage: "busybox",
    logPath: "/var/log/pods/x/0.log",
    resources: { cpuShares: 2, hugepageLimits: [{ pageSize: "2MB", limit: 4 }], unified: {} },
  });
  const imageMounts = [{ containerPath: "/image", imageId: `sha256:${"d".repeat(64)}`, digest: "sha256:e" }];
  const facts = { ...made.facts, imageMounts, stopSignal: "SIGRTMIN+3" };
  await using server = await serverWithContainer({ ...made, facts });
  const { status, info } = await server.client.call(runtime.containerStatus, { containerId: "c1" });
  equal(status?.id, containerId);
  equal(status?.image?.image, "docker.io/library/busybox:latest");
  equal(status?.image?.userSpecifiedImage, "busybox");
  equal(status?.imageRef, `docker.io/library/busybox@sha256:${"b".repeat(64)}`);
  equal(status?.imageId, imageId);
  equal(status?.stopSignal, Signal.SIGRTMINPLUS3);
  equal(status?.logPath, "/var/log/pods/x/0.log");
  equal(status?.createdAt, BigInt(Date.parse("2026-11-21T01:02:03.456Z")) * 1_000_000n);
  deepEqual(
    status?.mounts.map((mount) => [mount.containerPath, mount.hostPath, mount.image?.imageRef]),
    [
      ["/data/", "/srv", undefined],
      ["/image", "", `sha256:${"d".repeat(64)}`],
    ],
  );
  equal(status?.user?.linux?.uid, 1_000n);
  deepEqual(status?.user?.linux?.supplementalGroups, [7n]);
  equal(status?.resources?.linux?.cpuShares, 2n);
  equal(status?.resources?.linux?.hugepageLimits[0]?.limit, 4n);
  deepEqual(info, {});
  const listed = await server.client.call(runtime.listContainers, {});
  equal(listed.containers[0]?.imageId, imageId);
  equal(listed.containers[0]?.imageRef, imageId);
  equal(listed.containers[0]?.podSandboxId, "01".repeat(32));
});

test("states are shown as clients know them", async () => {
  const exit = { exitCode: 0, exitedAt: "2026-11-21T01:02:05Z", reason: "Completed", message: "" } as const;
  const problem = { flow: "EndContainer", step: "x", message: "busy", since: "", attempts: 3 };
  const { CONTAINER_CREATED: created, CONTAINER_RUNNING: running } = ContainerState;
  const { CONTAINER_EXITED: exited, CONTAINER_UNKNOWN: unknown } = ContainerState;
  const startedAt = "2026-11-21T01:02:04.000Z";
  const cases: [Partial<ContainerRecord>, ContainerState][] = [
    [{ state: "creating" }, unknown],
    [{ state: "created" }, created],
    [{ state: "starting" }, created],
    [{ state: "running" }, running],
    [{ state: "ending", facts: { startedAt } }, running],
    [{ state: "ending", facts: {} }, created],
    [{ state: "ending", facts: { startedAt, exit } }, running],
    [{ state: "ending", facts: { exit }, problem }, exited],
    [{ state: "exited", facts: { exit } }, exited],
    [{ state: "removing", facts: { exit } }, exited],
    [{ state: "removing", facts: {} }, created],
  ];
  await using server = await serverWithContainer();
  const { client, containers } = server;
  for (const [change, state] of cases) {
    containers.set({ ...containerRecord(containerId), ...change });
    const { status } = await client.call(runtime.containerStatus, { containerId });
    equal(status?.state, state, JSON.stringify(change));
    equal(status.message, change.problem ? "EndContainer: busy" : "");
    const found = await client.call(runtime.listContainers, { filter: { state: { state } } });
    equal(found.containers.length, 1);
    const other = state === unknown ? created : unknown;
    equal((await client.call(runtime.listContainers, { filter: { state: { state: other } } })).containers.length, 0);
  }
});

test("lists are filtered by ids, pod, state and labels, and streamed alike", async () => {
  await using server = await serverWithContainer();
  const { client, containers } = server;
  const other = containerRecord("d1".repeat(32), { labels: { app: "db" }, sandboxId: "02".repeat(32) });
  containers.set(other);
  const cases: [object, string[]][] = [
    [{}, [containerId, other.id]],
    [{ id: "d" }, [other.id]],
    [{ id: "../x" }, []],
    [{ podSandboxId: "01" }, [containerId]],
    [{ podSandboxId: "x" }, []],
    [{ state: { state: ContainerState.CONTAINER_RUNNING } }, [containerId]],
    [{ labelSelector: { app: "db" } }, [other.id]],
    [{ labelSelector: { app: "db" }, podSandboxId: "01" }, []],
  ];
  for (const [filter, ids] of cases) {
    const listed = await client.call(runtime.listContainers, { filter });
    deepEqual(
      listed.containers.map(({ id }) => id),
      ids,
      JSON.stringify(filter),
    );
    const streamed = await client.collect(runtime.streamContainers, { filter });
    deepEqual(
      streamed.flatMap((message) => message.containers.map(({ id }) => id)),
      ids,
    );
  }
  await rejects(client.call(runtime.listContainers, { filter: { state: { state: 7 as ContainerState } } }), {
    details: "invalid filter.state: 7 is no known state",
  });
});

test("verbose status tells process, specification, configuration and timings as JSON", async () => {
  await using server = await serverWithContainer();
  const answer = await server.client.call(runtime.containerStatus, { containerId, verbose: true });
  const info = JSON.parse(answer.info["info"] ?? "") as Record<string, Record<string, unknown>>;
  equal(info["sandboxID"] as unknown, "01".repeat(32));
  equal(info["pid"] as unknown, 4_711);
  equal(info["runtimeType"] as unknown, "io.containerd.runc.v2");
  equal(info["runtimeSpec"]?.["ociVersion"], "1.0.2");
  deepEqual(info["config"]?.["metadata"], { name: "app" });
  deepEqual(info["timings"], []);
});

test("an id that is none of ours is NotFound, and success to stop and remove", async () => {
  await using server = await startTestServer();
  const { client } = server;
  for (const id of ["../../etc", "/etc/passwd", "f".repeat(300), "A".repeat(64), "a\nb", "nö", "__proto__"]) {
    const missing = { code: Code.NotFound };
    await client.call(runtime.stopContainer, { containerId: id });
    await client.call(runtime.removeContainer, { containerId: id });
    await rejects(client.call(runtime.startContainer, { containerId: id }), missing);
    await rejects(client.call(runtime.containerStatus, { containerId: id }), missing);
    await rejects(client.call(runtime.containerStats, { containerId: id }), missing);
    await rejects(client.call(runtime.updateContainerResources, { containerId: id }), missing);
    await rejects(client.call(runtime.reopenContainerLog, { containerId: id }), missing);
    await rejects(client.call(runtime.checkpointContainer, { containerId: id }), missing);
    await rejects(client.call(runtime.execSync, { containerId: id }), missing);
    await rejects(client.call(runtime.exec, { containerId: id }), missing);
    await rejects(client.call(runtime.attach, { containerId: id }), missing);
    await rejects(client.call(runtime.portForward, { podSandboxId: id }), missing);
  }
  const empty = { code: Code.InvalidArgument, details: "invalid container_id: is empty" };
  await rejects(client.call(runtime.stopContainer, {}), empty);
  await rejects(client.call(runtime.removeContainer, {}), empty);
  await rejects(client.call(runtime.execSync, {}), empty);
});

test("an ambiguous prefix is refused by every call, stop and remove included", async () => {
  await using server = await serverWithContainer();
  server.containers.set(containerRecord("c2".repeat(32)));
  const ambiguous = { code: Code.InvalidArgument };
  for (const method of [runtime.stopContainer, runtime.removeContainer, runtime.startContainer]) {
    await rejects(server.client.call(method as typeof runtime.startContainer, { containerId: "c" }), ambiguous);
  }
  equal(server.containers.records.size, 2);
});

test("time to stop is seconds, less than none is none, and endless is as long as a timer takes", async () => {
  await using server = await serverWithContainer();
  for (const timeout of [5n, 0n, -3n, 2n ** 63n - 1n]) {
    await server.client.call(runtime.stopContainer, { containerId, timeout });
  }
  deepEqual(
    server.containers.calls.map(([, , timeoutMs]) => timeoutMs),
    [5_000, 0, 0, 2_147_483_647],
  );
});

test("limits are changed, and shown as changed", async () => {
  await using server = await serverWithContainer();
  const { client, containers } = server;
  const linux = { cpuQuota: -1n, memoryLimitInBytes: 4_096n };
  await client.call(runtime.updateContainerResources, { containerId, linux });
  deepEqual(containers.calls, [
    ["update", containerId, { cpuQuota: -1, memoryLimitBytes: 4_096, hugepageLimits: [], unified: {} }],
  ]);
  const { status } = await client.call(runtime.containerStatus, { containerId });
  equal(status?.resources?.linux?.cpuQuota, -1n);
  await client.call(runtime.updateContainerResources, { containerId });
  equal(containers.calls.length, 1);
  await rejects(client.call(runtime.updateContainerResources, { containerId, linux: { cpuShares: -1n } }), {
    details: "invalid linux.cpu_shares: -1 is not between 0 and 9007199254740991",
  });
  await rejects(client.call(runtime.updateContainerResources, { containerId, windows: {} }), {
    details: "invalid windows: this runtime runs containers of Linux",
  });
});

test("logs are opened anew, checkpoints are made or Unimplemented", async () => {
  await using server = await serverWithContainer();
  const { client, containers } = server;
  await client.call(runtime.reopenContainerLog, { containerId });
  deepEqual(containers.calls, [["reopenLog", containerId]]);
  const location = "/var/lib/kubelet/checkpoints/x.tar";
  await rejects(client.call(runtime.checkpointContainer, { containerId, location, timeout: 2n }), {
    code: Code.Unimplemented,
  });
  deepEqual(containers.calls[1], ["checkpoint", containerId, { location, timeoutMs: 2_000 }]);
  await rejects(client.call(runtime.checkpointContainer, { containerId, location: "../x" }), {
    details: 'invalid location: "../x" is not an absolute path',
  });
});

test("a status of a pod has those of its containers", async () => {
  await using server = await serverWithContainer();
  server.containers.set(containerRecord("d1".repeat(32), { sandboxId: "02".repeat(32) }));
  const answer = await server.client.call(runtime.podSandboxStatus, { podSandboxId: "01" });
  deepEqual(
    answer.containersStatuses.map(({ id, state }) => [id, state]),
    [[containerId, ContainerState.CONTAINER_RUNNING]],
  );
  ok(answer.timestamp > 1_600_000_000_000_000_000n);
});

test("what creating fails with keeps its code", async () => {
  await using server = await serverWithContainer();
  server.containers.beforeCreate = async () => {
    throw new StatusError(Code.AlreadyExists, "container is there");
  };
  const request = { podSandboxId: "01", config: containerConfig() };
  await rejects(server.client.call(runtime.createContainer, request), { code: Code.AlreadyExists });
});
