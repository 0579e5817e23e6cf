import { batches } from "../conversion/batches.ts";
import { toPodSandboxStats } from "../conversion/pod-sandbox-stats.ts";
import { podSandboxWeight } from "../conversion/pod-sandbox.ts";
import { listUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListPodSandboxStats in small messages. */
export const streamPodSandboxStats: RuntimeRpc<"streamPodSandboxStats"> = async function* (
  deps,
  { filter },
  { signal },
) {
  const usages = await listUsage(deps, filter, signal);
  for (const batch of batches(usages, ({ record }) => podSandboxWeight(record))) {
    yield { podSandboxStats: batch.map(({ record, usage }) => toPodSandboxStats(record, usage)) };
  }
};
