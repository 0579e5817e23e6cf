import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerState, RuntimeService, Signal } from "@crib/wire/cri";

import { containerConfig } from "../testing/container-record.ts";
import { podConfig } from "../testing/sandbox-record.ts";
import { startTestServer } from "../testing/test-server.ts";

const runtime = RuntimeService.method;

test("a container is created, started, shown, stopped and removed", async () => {
  await using server = await startTestServer();
  const { client, containers } = server;
  const { podSandboxId } = await client.call(runtime.runPodSandbox, {
    config: podConfig({ logDirectory: "/var/log/pods/web" }),
  });
  const config = containerConfig({ labels: { app: "web" }, logPath: "app/0.log", stopSignal: Signal.SIGRTMINPLUS3 });
  const { containerId } = await client.call(runtime.createContainer, { podSandboxId, config });
  equal(containers.requests[0]?.logPath, "/var/log/pods/web/app/0.log");
  equal(containers.requests[0]?.stopSignal, "SIGRTMIN+3");
  const state = async (): Promise<ContainerState | undefined> =>
    (await client.call(runtime.containerStatus, { containerId })).status?.state;
  equal(await state(), ContainerState.CONTAINER_CREATED);
  await client.call(runtime.startContainer, { containerId });
  equal(await state(), ContainerState.CONTAINER_RUNNING);
  await client.call(runtime.stopContainer, { containerId, timeout: 3n });
  const { status } = await client.call(runtime.containerStatus, { containerId });
  equal(status?.state, ContainerState.CONTAINER_EXITED);
  equal(status?.exitCode, 143);
  equal(status?.reason, "Error");
  equal(status?.finishedAt, BigInt(Date.parse("2026-11-21T01:02:05Z")) * 1_000_000n + 123_456_789n);
  await client.call(runtime.removeContainer, { containerId });
  await client.call(runtime.removeContainer, { containerId });
  equal((await client.call(runtime.listContainers, {})).containers.length, 0);
  await rejects(client.call(runtime.containerStatus, { containerId }), { code: Code.NotFound });
});
