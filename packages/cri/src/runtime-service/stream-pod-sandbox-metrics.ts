import { batches } from "../conversion/batches.ts";
import { listPodDetails } from "../lookup/list-details.ts";
import { metricsWeight, toPodSandboxMetrics } from "../metrics/pod-sandbox-metrics.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListPodSandboxMetrics in small messages. */
export const streamPodSandboxMetrics: RuntimeRpc<"streamPodSandboxMetrics"> = async function* (
  deps,
  _request,
  { signal },
) {
  for (const batch of batches(await listPodDetails(deps, signal), metricsWeight)) {
    yield { podSandboxMetrics: batch.map(toPodSandboxMetrics) };
  }
};
