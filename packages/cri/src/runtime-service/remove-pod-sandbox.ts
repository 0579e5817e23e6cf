import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Stops if needed and removes. Idempotent; an unknown id succeeds, an empty or ambiguous one fails. */
export const removePodSandbox: RuntimeRpc<"removePodSandbox"> = async ({ sandboxes }, { podSandboxId }, { signal }) => {
  checkGiven("pod_sandbox_id", podSandboxId);
  if (canBeId(podSandboxId)) await sandboxes.remove(podSandboxId, signal);
  return {};
};
