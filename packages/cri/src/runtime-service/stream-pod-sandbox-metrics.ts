import { batches } from "../conversion/batches.ts";
import { listUsage } from "../lookup/list-usage.ts";
import { metricsWeight, toPodSandboxMetrics } from "../metrics/pod-sandbox-metrics.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListPodSandboxMetrics in small messages. */
export const streamPodSandboxMetrics: RuntimeRpc<"streamPodSandboxMetrics"> = async function* (
  deps,
  _request,
  { signal },
) {
  const usages = await listUsage(deps, undefined, signal);
  for (const batch of batches(usages, ({ usage }) => metricsWeight(usage))) {
    yield { podSandboxMetrics: batch.map(({ record, usage }) => toPodSandboxMetrics(record, usage)) };
  }
};
