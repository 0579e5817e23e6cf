import { toPodSandboxStats } from "../conversion/pod-sandbox-stats.ts";
import { listUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of all ready pods that the filter leaves; one that goes away meanwhile is left out. */
export const listPodSandboxStats: RuntimeRpc<"listPodSandboxStats"> = async (deps, { filter }, { signal }) => {
  const usages = await listUsage(deps, filter, signal);
  return { stats: usages.map(({ record, usage }) => toPodSandboxStats(record, usage)) };
};
