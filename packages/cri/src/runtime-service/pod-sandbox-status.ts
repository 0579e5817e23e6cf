import { toContainerStatus } from "../conversion/container/container-status.ts";
import { toNanoseconds } from "../conversion/nanoseconds.ts";
import { toPodSandboxStatus } from "../conversion/pod/pod-sandbox-status.ts";
import { toSandboxInfo } from "../conversion/pod/sandbox-info.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The status of a sandbox and of all its containers, from their records alone. NotFound for an unknown id. */
export const podSandboxStatus: RuntimeRpc<"podSandboxStatus"> = (
  { sandboxes, containers },
  { podSandboxId, verbose },
) => {
  const record = getSandbox(sandboxes, podSandboxId);
  return {
    status: toPodSandboxStatus(record),
    info: verbose ? { info: toSandboxInfo(record) } : {},
    containersStatuses: containers.list({ sandboxId: record.id }).map(toContainerStatus),
    timestamp: toNanoseconds(new Date()),
  };
};
