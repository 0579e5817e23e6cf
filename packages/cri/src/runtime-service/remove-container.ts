import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Kills what runs and removes. Idempotent; an unknown id succeeds, an empty or ambiguous one fails. */
export const removeContainer: RuntimeRpc<"removeContainer"> = async ({ containers }, { containerId }, { signal }) => {
  checkGiven("container_id", containerId);
  if (canBeId(containerId)) await containers.remove(containerId, signal);
  return {};
};
