import type { ContainerFilter } from "@crib/core/containers";
import { type ContainerFilter as CriFilter, ContainerState, type ContainerStatsFilter } from "@crib/wire/cri";

import { canBeId } from "./sandbox-id.ts";
import { invalid } from "./values/invalid.ts";

const states: ReadonlySet<number> = new Set(Object.values(ContainerState));

/** Which containers a filter of the CRI leaves; undefined where its ids can match none. */
export function toContainerFilter(
  filter: CriFilter | ContainerStatsFilter | undefined,
): { readonly filter: ContainerFilter; readonly state: ContainerState | undefined } | undefined {
  if (!filter) return { filter: {}, state: undefined };
  if ([filter.id, filter.podSandboxId].some((id) => id !== "" && !canBeId(id))) return undefined;
  const state = "state" in filter ? filter.state?.state : undefined;
  if (state !== undefined && !states.has(state)) throw invalid("filter.state", `${state as number} is no known state`);
  return {
    filter: {
      ...(filter.id !== "" && { id: filter.id }),
      ...(filter.podSandboxId !== "" && { sandboxId: filter.podSandboxId }),
      ...(Object.keys(filter.labelSelector).length > 0 && { labels: filter.labelSelector }),
    },
    state,
  };
}
