import { listPodDetails } from "../lookup/list-details.ts";
import { toPodSandboxMetrics } from "../metrics/pod-sandbox-metrics.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The metrics of all ready pods and their containers. */
export const listPodSandboxMetrics: RuntimeRpc<"listPodSandboxMetrics"> = async (deps, _request, { signal }) => ({
  podMetrics: (await listPodDetails(deps, signal)).map(toPodSandboxMetrics),
});
