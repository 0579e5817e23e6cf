import { toMeasuredPodStats } from "../conversion/usage/measured-pod.ts";
import { listPodUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of all ready pods that the filter leaves, with their containers; what goes away meanwhile is left out. */
export const listPodSandboxStats: RuntimeRpc<"listPodSandboxStats"> = async (deps, { filter }, { signal }) => ({
  stats: (await listPodUsage(deps, filter, signal)).map(toMeasuredPodStats),
});
