import { toContainerStatus } from "../conversion/container/container-status.ts";
import { toNanoseconds } from "../conversion/nanoseconds.ts";
import { toPodSandboxStatus } from "../conversion/pod/pod-sandbox-status.ts";
import { toSandboxInfo } from "../conversion/pod/sandbox-info.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

/**
 * The status of a sandbox and of all its containers, from their records alone; a verbose one has what the pod's controller says as well.
 * NotFound for an unknown id.
 */
export const podSandboxStatus: RuntimeRpc<"podSandboxStatus"> = async (
  { sandboxes, containers },
  { podSandboxId, verbose },
  { signal },
) => {
  const { id } = getSandbox(sandboxes, podSandboxId);
  const said = verbose ? await sandboxes.describe(id, signal) : undefined;
  const record = getSandbox(sandboxes, id);
  return {
    status: toPodSandboxStatus(record),
    info: verbose ? { info: toSandboxInfo(record, said) } : {},
    containersStatuses: containers.list({ sandboxId: record.id }).map(toContainerStatus),
    timestamp: toNanoseconds(new Date()),
  };
};
