import { ContainerEventType } from "@crib/wire/cri";

import { toContainerStatus } from "../conversion/container/container-status.ts";
import { toNanoseconds } from "../conversion/nanoseconds.ts";
import { toPodSandboxStatus } from "../conversion/pod/pod-sandbox-status.ts";
import type { PodEvent } from "../events/pod-events.ts";
import type { RuntimeRpc } from "./rpc.ts";

const types: Readonly<Record<PodEvent["kind"], ContainerEventType>> = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
};

/**
 * Events of pods and containers, until the client leaves; of a pod, its id stands where that of a container would. The first client
 * is also given what happened in the five minutes before it came.
 */
export const getContainerEvents: RuntimeRpc<"getContainerEvents"> = async function* ({ events }, _request, { signal }) {
  for await (const { id, kind, at, sandbox, containers } of events.watch(signal)) {
    yield {
      containerId: id,
      containerEventType: types[kind],
      createdAt: toNanoseconds(at),
      ...(sandbox && { podSandboxStatus: toPodSandboxStatus(sandbox) }),
      containersStatuses: containers.map(toContainerStatus),
    };
  }
};
