import { Code, StatusError } from "@crib/errdefs";

import { toPodSandboxStats } from "../conversion/pod-sandbox-stats.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Usage of a pod. NotFound for an unknown id, Unavailable for a pod that is not ready. */
export const podSandboxStats: RuntimeRpc<"podSandboxStats"> = async (deps, { podSandboxId }, { signal }) => {
  const record = getSandbox(deps.sandboxes, podSandboxId);
  if (record.state !== "ready") throw new StatusError(Code.Unavailable, `sandbox "${record.id}": not ready`);
  return { stats: toPodSandboxStats(record, await deps.podUsage(record, signal)) };
};
