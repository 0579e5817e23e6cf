import type { SandboxRecord } from "./types.ts";

/** Whether a pod can be used: it is ready, and whoever holds its boundary can be asked. */
export function isReady({ state, unreachable }: Pick<SandboxRecord, "state" | "unreachable">): boolean {
  return state === "ready" && unreachable === undefined;
}
