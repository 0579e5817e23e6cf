import { checkGiven } from "../validation/sandbox-id.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** An unknown id succeeds, and there are only unknown ones yet; an empty one fails. */
export const stopContainer: RuntimeRpc<"stopContainer"> = (_deps, { containerId }) => {
  checkGiven("container_id", containerId);
  return {};
};
