import { getSandbox } from "../lookup/get-sandbox.ts";
import { checkResources } from "../validation/linux/resources.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Stores changed resources and overhead of a pod and tells its controller. NotFound for an unknown id. */
export const updatePodSandboxResources: RuntimeRpc<"updatePodSandboxResources"> = async (
  { sandboxes },
  request,
  { signal },
) => {
  const { id } = getSandbox(sandboxes, request.podSandboxId);
  const { resources, overhead } = request;
  const change = {
    ...(resources && { resources: checkResources("resources", resources) }),
    ...(overhead && { overhead: checkResources("overhead", overhead) }),
  };
  if (Object.keys(change).length > 0) await sandboxes.update(id, change, signal);
  return {};
};
