import { getContainer } from "../lookup/get-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Starts a created container, or joins its start. NotFound; FailedPrecondition when it is not created. */
export const startContainer: RuntimeRpc<"startContainer"> = async ({ containers }, { containerId }, { signal }) => {
  await containers.start(getContainer(containers, containerId).id, signal);
  return {};
};
