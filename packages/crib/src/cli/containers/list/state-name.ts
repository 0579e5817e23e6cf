import { ContainerState } from "@crib/wire/cri";

const names: ReadonlyMap<number, string> = new Map([
  [ContainerState.CONTAINER_CREATED, "created"],
  [ContainerState.CONTAINER_RUNNING, "running"],
  [ContainerState.CONTAINER_EXITED, "exited"],
  [ContainerState.CONTAINER_UNKNOWN, "unknown"],
]);

/** The state of a container in a word. */
export function stateName(state: ContainerState): string {
  return names.get(state) ?? "unknown";
}
