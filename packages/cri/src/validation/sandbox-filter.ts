import type { SandboxFilter } from "@crib/core/sandbox";
import { type PodSandboxFilter, PodSandboxState, type PodSandboxStatsFilter } from "@crib/wire/cri";

import { canBeId } from "./sandbox-id.ts";
import { invalid } from "./values/invalid.ts";

/** Which sandboxes a filter of the CRI leaves; undefined where its id can match none. */
export function toSandboxFilter(
  filter: PodSandboxFilter | PodSandboxStatsFilter | undefined,
): SandboxFilter | undefined {
  if (!filter) return {};
  if (filter.id !== "" && !canBeId(filter.id)) return undefined;
  const state = "state" in filter ? filter.state?.state : undefined;
  if (state !== undefined && state !== PodSandboxState.SANDBOX_READY && state !== PodSandboxState.SANDBOX_NOTREADY) {
    throw invalid("filter.state", `${state as number} is no known state`);
  }
  return {
    ...(filter.id !== "" && { id: filter.id }),
    ...(state !== undefined && { ready: state === PodSandboxState.SANDBOX_READY }),
    ...(Object.keys(filter.labelSelector).length > 0 && { labels: filter.labelSelector }),
  };
}
