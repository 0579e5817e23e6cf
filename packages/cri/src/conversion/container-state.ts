import type { ContainerRecord } from "@crib/core/containers";
import { ContainerState } from "@crib/wire/cri";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_UNKNOWN } = ContainerState;

/**
 * The state that the CRI shows. One that has ended says so as soon as its exit is known, also while its remains are given back;
 * one that is on its way out runs until then. Rows whose undo failed are unknown.
 */
export function toContainerState({ state, facts }: ContainerRecord): ContainerState {
  if (state === "creating") return CONTAINER_UNKNOWN;
  if (state === "exited" || facts.exit) return CONTAINER_EXITED;
  if (state === "running" || state === "ending") return CONTAINER_RUNNING;
  if (state === "removing" && facts.startedAt !== undefined) return CONTAINER_UNKNOWN;
  return CONTAINER_CREATED;
}
