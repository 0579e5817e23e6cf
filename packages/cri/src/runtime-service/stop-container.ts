import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import { toMilliseconds } from "../validation/values/milliseconds.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Idempotent; an unknown id succeeds, an empty or ambiguous one fails. A timeout of zero or less kills at once. */
export const stopContainer: RuntimeRpc<"stopContainer"> = async (
  { containers },
  { containerId, timeout },
  { signal },
) => {
  checkGiven("container_id", containerId);
  if (canBeId(containerId)) await containers.stop(containerId, toMilliseconds(timeout), signal);
  return {};
};
