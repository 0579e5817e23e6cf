import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PodSandboxStatsSchema } from "@crib/wire/cri";

import type { MeasuredPod } from "../../lookup/list-usage.ts";
import { containerWeight } from "../container/container.ts";
import { podSandboxWeight } from "../pod/pod-sandbox.ts";
import { toContainerStats } from "./container-stats.ts";
import { toPodSandboxStats } from "./pod-sandbox-stats.ts";

/** A pod's usage with that of its containers. */
export function toMeasuredPodStats({
  record,
  usage,
  containers,
}: MeasuredPod): MessageInitShape<typeof PodSandboxStatsSchema> {
  return toPodSandboxStats(
    record,
    usage,
    containers.map((one) => toContainerStats(one.record, one.usage)),
  );
}

/** About how many bytes that takes in a list. */
export function measuredPodWeight({ record, containers }: MeasuredPod): number {
  return containers.reduce((sum, one) => sum + containerWeight(one.record), podSandboxWeight(record));
}
