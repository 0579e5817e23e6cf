import { getContainer } from "../lookup/get-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Opens the container's log anew after it was rotated. NotFound; FailedPrecondition when it does not run. */
export const reopenContainerLog: RuntimeRpc<"reopenContainerLog"> = async (
  { containers },
  { containerId },
  { signal },
) => {
  await containers.reopenLog(getContainer(containers, containerId).id, signal);
  return {};
};
