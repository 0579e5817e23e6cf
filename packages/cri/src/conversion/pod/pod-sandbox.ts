import type { MessageInitShape } from "@bufbuild/protobuf";
import { isReady, type SandboxRecord } from "@crib/core/sandbox";
import { type PodSandboxSchema, PodSandboxState } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";

/** A sandbox as ListPodSandbox shows it. Everything but a ready sandbox is NOTREADY to the CRI. */
export function toPodSandbox(record: SandboxRecord): MessageInitShape<typeof PodSandboxSchema> {
  const { id, plan } = record;
  return {
    id,
    metadata: plan.pod,
    state: toPodSandboxState(record),
    createdAt: toNanoseconds(record.createdAt),
    labels: plan.labels,
    annotations: plan.annotations,
    runtimeHandler: plan.handler.name,
  };
}

export function toPodSandboxState(record: SandboxRecord): PodSandboxState {
  return isReady(record) ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
}

/** About how many bytes a sandbox takes in a list. */
export function podSandboxWeight({ plan }: SandboxRecord): number {
  const maps = [plan.labels, plan.annotations].flatMap((map) => Object.entries(map));
  return maps.reduce((sum, [key, value]) => sum + 3 * (key.length + value.length), 512);
}
