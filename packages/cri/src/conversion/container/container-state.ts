import type { ContainerRecord } from "@crib/core/containers";
import { ContainerState } from "@crib/wire/cri";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_UNKNOWN } = ContainerState;

/**
 * The state that the CRI shows. A container whose remains are being given back still runs for clients, since its log is not whole
 * before; when that cannot be done it has exited all the same. One that could not be started never ran; one whose creation could not be
 * undone is unknown.
 */
export function toContainerState({ state, facts, problem }: ContainerRecord): ContainerState {
  const ended = facts.exit !== undefined;
  if (state === "creating") return CONTAINER_UNKNOWN;
  if (state === "created" || state === "starting") return CONTAINER_CREATED;
  if (state === "running") return CONTAINER_RUNNING;
  if (state === "ending") {
    if (ended && problem) return CONTAINER_EXITED;
    return facts.startedAt === undefined ? CONTAINER_CREATED : CONTAINER_RUNNING;
  }
  return ended ? CONTAINER_EXITED : CONTAINER_CREATED;
}
