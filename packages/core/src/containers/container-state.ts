import type { ContainerRecord } from "./types.ts";

/** The four states that clients know. */
export type PublicContainerState = "created" | "running" | "exited" | "unknown";

/**
 * How clients see a container. One whose remains are being given back still runs for them, since its log is not whole
 * before; when that cannot be done it has exited all the same. One that could not be started never ran.
 */
export function containerStateOf({ state, facts, problem }: ContainerRecord): PublicContainerState {
  if (state === "ending") {
    if (problem !== undefined && facts.exit !== undefined) return "exited";
    return facts.startedAt === undefined ? "created" : "running";
  }
  // One that was never started is removed as it is.
  if (state === "removing") return facts.exit === undefined ? "created" : "exited";
  return publicStates[state];
}

const publicStates = {
  creating: "unknown",
  created: "created",
  starting: "created",
  running: "running",
  exited: "exited",
} as const;
