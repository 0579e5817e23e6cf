import { listPodUsage } from "../lookup/list-usage.ts";
import { toPodSandboxMetrics } from "../metrics/pod-sandbox-metrics.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The metrics of all ready pods and their containers. */
export const listPodSandboxMetrics: RuntimeRpc<"listPodSandboxMetrics"> = async (deps, _request, { signal }) => ({
  podMetrics: (await listPodUsage(deps, undefined, signal)).map(toPodSandboxMetrics),
});
