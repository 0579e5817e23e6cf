import type { SandboxEvent } from "@crib/core/sandbox";
import { ContainerEventType } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";
import { toPodSandboxStatus } from "../conversion/pod-sandbox-status.ts";
import { bounded } from "../grpc/bounded.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** A client that is further behind is told so by ResourceExhausted, and has to list anew. */
const maxWaiting = 1_000;

const types: Readonly<Record<SandboxEvent["kind"], ContainerEventType>> = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
};

/** Events of pods from now on, until the client leaves. The sandbox's id stands where that of a container would. */
export const getContainerEvents: RuntimeRpc<"getContainerEvents"> = async function* (
  { sandboxes },
  _request,
  { signal },
) {
  const leaving = new AbortController();
  const events = sandboxes.watch(AbortSignal.any([signal, leaving.signal]));
  for await (const { kind, record, at } of bounded(events, maxWaiting, () => leaving.abort())) {
    yield {
      containerId: record.id,
      containerEventType: types[kind],
      createdAt: toNanoseconds(at),
      podSandboxStatus: toPodSandboxStatus(record),
      containersStatuses: [],
    };
  }
};
