import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import {
  type ContainerEventResponse,
  ContainerEventResponseSchema,
  ContainerEventType,
  ContainerState,
  PodSandboxState,
  RuntimeService,
} from "@crib/wire/cri";
import type { ClientReadableStream } from "@grpc/grpc-js";

import { containerConfig, containerRecord } from "../testing/container-record.ts";
import { podConfig } from "../testing/sandbox-record.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const runtime = RuntimeService.method;
const { CONTAINER_CREATED_EVENT: created, CONTAINER_STARTED_EVENT: started } = ContainerEventType;
const { CONTAINER_STOPPED_EVENT: stopped, CONTAINER_DELETED_EVENT: deleted } = ContainerEventType;

async function read(stream: ClientReadableStream<Buffer>, count: number): Promise<ContainerEventResponse[]> {
  const events: ContainerEventResponse[] = [];
  for await (const bytes of stream) {
    if (events.push(fromBinary(ContainerEventResponseSchema, bytes as Buffer)) === count) break;
  }
  return events;
}

async function watch(server: TestServer): Promise<ClientReadableStream<Buffer>> {
  const stream = server.client.open(runtime.getContainerEvents, {});
  stream.on("error", () => {});
  await once(stream, "metadata");
  return stream;
}

/** A whole life of a pod with one container; gives their ids. */
async function live({ client }: TestServer): Promise<{ readonly podSandboxId: string; readonly containerId: string }> {
  const { podSandboxId } = await client.call(runtime.runPodSandbox, { config: podConfig() });
  const { containerId } = await client.call(runtime.createContainer, { podSandboxId, config: containerConfig() });
  await client.call(runtime.startContainer, { containerId });
  await client.call(runtime.stopContainer, { containerId });
  await client.call(runtime.removeContainer, { containerId });
  await client.call(runtime.stopPodSandbox, { podSandboxId });
  await client.call(runtime.removePodSandbox, { podSandboxId });
  return { podSandboxId, containerId };
}

/** What each event says: of whom, what, the pod's state, and the states of its containers. */
function summary(events: readonly ContainerEventResponse[]): unknown[] {
  return events.map(({ containerId, containerEventType, podSandboxStatus, containersStatuses }) => [
    containerId,
    containerEventType,
    podSandboxStatus?.state,
    containersStatuses.map(({ state }) => state),
  ]);
}

function expected({ podSandboxId, containerId }: Awaited<ReturnType<typeof live>>): unknown[] {
  const { SANDBOX_READY: ready, SANDBOX_NOTREADY: notReady } = PodSandboxState;
  return [
    [podSandboxId, created, ready, []],
    [podSandboxId, started, ready, []],
    [containerId, created, ready, [ContainerState.CONTAINER_CREATED]],
    [containerId, started, ready, [ContainerState.CONTAINER_RUNNING]],
    [containerId, stopped, ready, [ContainerState.CONTAINER_EXITED]],
    [containerId, deleted, ready, []],
    [podSandboxId, stopped, notReady, []],
    [podSandboxId, deleted, notReady, []],
  ];
}

test("events of pods and containers come in order, each with what was true at its moment", async () => {
  await using server = await startTestServer();
  const stream = await watch(server);
  const ids = await live(server);
  const events = await read(stream, 8);
  deepEqual(summary(events), expected(ids));
  equal(events[2]?.createdAt, 1_700_000_000_000_000_000n);
  stream.cancel();
});

test("what happens while nobody watches is told to the first who does, and only to that one", async () => {
  await using server = await startTestServer();
  const ids = await live(server);
  const stream = await watch(server);
  deepEqual(summary(await read(stream, 8)), expected(ids));
  stream.cancel();
  for (let i = 0; i < 6_000 && server.eventReaders() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  const later = await watch(server);
  const container = containerRecord("dd".repeat(32));
  server.containers.publish("stopped", container);
  const [event] = await read(later, 1);
  equal(event?.containerId, container.id);
  equal(event.podSandboxStatus, undefined);
  later.cancel();
});

test("a watch of containers that fails ends the streams with its reason", async () => {
  await using server = await startTestServer();
  const stream = await watch(server);
  const failed = once(stream, "error") as Promise<[{ code: number; details: string }]>;
  stream.resume();
  // A record that cannot be read breaks what makes events.
  server.containers.publish("created", undefined as never);
  equal((await failed)[0].code, Code.Internal);
  equal(server.logged.find(({ level }) => level === "error")?.message, "events are not told any more");
});
