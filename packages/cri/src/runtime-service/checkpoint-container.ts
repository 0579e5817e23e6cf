import { getContainer } from "../lookup/get-container.ts";
import { checkAbsolutePath } from "../validation/values/absolute-path.ts";
import { toMilliseconds } from "../validation/values/milliseconds.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Writes a checkpoint to a path of the host. Unimplemented where the host cannot. */
export const checkpointContainer: RuntimeRpc<"checkpointContainer"> = async (
  { containers },
  { containerId, location, timeout },
  { signal },
) => {
  const { id } = getContainer(containers, containerId);
  const request = { location: checkAbsolutePath("location", location), timeoutMs: toMilliseconds(timeout) };
  await containers.checkpoint(id, request, signal);
  return {};
};
