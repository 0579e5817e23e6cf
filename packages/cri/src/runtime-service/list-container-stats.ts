import { toContainerStats } from "../conversion/usage/container-stats.ts";
import { listContainerUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of all containers that the filter leaves; one that goes away meanwhile is left out. */
export const listContainerStats: RuntimeRpc<"listContainerStats"> = async (deps, { filter }, { signal }) => {
  const measured = await listContainerUsage(deps, filter, signal);
  return { stats: measured.map(({ record, usage }) => toContainerStats(record, usage)) };
};
