import { listUsage } from "../lookup/list-usage.ts";
import { toPodSandboxMetrics } from "../metrics/pod-sandbox-metrics.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The metrics of all ready pods. */
export const listPodSandboxMetrics: RuntimeRpc<"listPodSandboxMetrics"> = async (deps, _request, { signal }) => {
  const usages = await listUsage(deps, undefined, signal);
  return { podMetrics: usages.map(({ record, usage }) => toPodSandboxMetrics(record, usage)) };
};
