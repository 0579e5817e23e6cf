import { containerNotFound } from "../lookup/container-not-found.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** NotFound: there are no containers yet. */
export const containerStatus: RuntimeRpc<"containerStatus"> = (_deps, { containerId }) => {
  throw containerNotFound(containerId);
};
