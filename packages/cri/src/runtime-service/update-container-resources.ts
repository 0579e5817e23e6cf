import { containerNotFound } from "../lookup/container-not-found.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** NotFound: there are no containers yet. */
export const updateContainerResources: RuntimeRpc<"updateContainerResources"> = (_deps, { containerId }) => {
  throw containerNotFound(containerId);
};
