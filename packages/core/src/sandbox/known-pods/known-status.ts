import type { SandboxStatus } from "@crib/sandboxer";

import type { KnownPod } from "./known-pod.ts";

/** The status of a pod by what its controller knows of it, without asking anybody. */
export function knownStatus({ exit: { status: exit }, state, process }: KnownPod): SandboxStatus {
  if (exit !== undefined) return { state: "exited", info: {}, exit };
  return { state: state.kind === "ready" ? "ready" : "created", info: {}, ...(process && { process }) };
}
