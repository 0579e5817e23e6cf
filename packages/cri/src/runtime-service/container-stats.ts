import { toContainerStats } from "../conversion/usage/container-stats.ts";
import { getContainer } from "../lookup/get-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of a container. NotFound for an unknown id. */
export const containerStats: RuntimeRpc<"containerStats"> = async (
  { containers, stats },
  { containerId },
  { signal },
) => {
  const record = getContainer(containers, containerId);
  return { stats: toContainerStats(record, await stats.container(record, signal)) };
};
