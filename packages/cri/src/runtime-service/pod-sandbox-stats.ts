import { isReady } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

import { toMeasuredPodStats } from "../conversion/usage/measured-pod.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import { podContainers } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of a pod and its containers. NotFound for an unknown id, Unavailable for a pod that is not ready. */
export const podSandboxStats: RuntimeRpc<"podSandboxStats"> = async (deps, { podSandboxId }, { signal }) => {
  const record = getSandbox(deps.sandboxes, podSandboxId);
  if (!isReady(record)) throw new StatusError(Code.Unavailable, `sandbox "${record.id}": not ready`);
  const [usage, containers] = await Promise.all([
    deps.stats.pod(record, signal),
    podContainers(deps, record.id, signal),
  ]);
  return { stats: toMeasuredPodStats({ record, usage, containers }) };
};
