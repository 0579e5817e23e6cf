import { batches } from "../conversion/batches.ts";
import { measuredPodWeight, toMeasuredPodStats } from "../conversion/usage/measured-pod.ts";
import { listPodUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListPodSandboxStats in small messages. */
export const streamPodSandboxStats: RuntimeRpc<"streamPodSandboxStats"> = async function* (
  deps,
  { filter },
  { signal },
) {
  for (const batch of batches(await listPodUsage(deps, filter, signal), measuredPodWeight)) {
    yield { podSandboxStats: batch.map(toMeasuredPodStats) };
  }
};
