import { timestampFromDate } from "@bufbuild/protobuf/wkt";

import type { HostedStatus } from "../sandboxes/hosted-sandboxes.ts";

/** What Status of the Controller and of the Sandbox service answer alike. Only the two names of CRI are understood everywhere. */
export function statusMessage(
  id: string,
  { status, instance }: HostedStatus,
): {
  readonly sandboxId: string;
  readonly pid: number;
  readonly state: string;
  readonly info: Record<string, string>;
  readonly createdAt?: ReturnType<typeof timestampFromDate>;
  readonly exitedAt?: ReturnType<typeof timestampFromDate>;
} {
  const { state, info, exit } = status;
  // Pending is not exited: it ran when last heard of.
  const isReady = state === "ready" || state === "pending";
  return {
    sandboxId: id,
    pid: isReady ? (status.process?.pid ?? 0) : 0,
    state: isReady ? "SANDBOX_READY" : "SANDBOX_NOTREADY",
    info: { ...info },
    ...(instance === undefined ? {} : { createdAt: timestampFromDate(instance.createdAt) }),
    ...(exit === undefined ? {} : { exitedAt: timestampFromDate(exit.exitedAt) }),
  };
}
