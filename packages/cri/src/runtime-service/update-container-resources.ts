import { getContainer } from "../lookup/get-container.ts";
import { checkContainerResources } from "../validation/container/container-resources.ts";
import { invalid } from "../validation/values/invalid.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Changes limits of a container, at once where it runs. What is not set stays. NotFound for an unknown id. */
export const updateContainerResources: RuntimeRpc<"updateContainerResources"> = async (
  { containers },
  { containerId, linux, windows },
  { signal },
) => {
  const { id } = getContainer(containers, containerId);
  if (windows) throw invalid("windows", "this runtime runs containers of Linux");
  if (linux) await containers.update(id, checkContainerResources("linux", linux, { initial: false }), signal);
  return {};
};
