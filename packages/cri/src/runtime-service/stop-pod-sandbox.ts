import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Idempotent; an unknown id succeeds, an empty or ambiguous one fails. */
export const stopPodSandbox: RuntimeRpc<"stopPodSandbox"> = async ({ sandboxes }, { podSandboxId }, { signal }) => {
  checkGiven("pod_sandbox_id", podSandboxId);
  if (canBeId(podSandboxId)) await sandboxes.stop(podSandboxId, signal);
  return {};
};
