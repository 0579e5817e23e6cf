import type { ContainerRecord, Containers } from "@crib/core/containers";
import type { ContainerFilter, ContainerStatsFilter } from "@crib/wire/cri";

import { toContainerState } from "../conversion/container/container-state.ts";
import { toContainerFilter } from "../validation/container-filter.ts";

/** The records that a filter of the CRI leaves. States are compared as they are shown. */
export function filterContainers(
  containers: Containers,
  filter: ContainerFilter | ContainerStatsFilter | undefined,
): readonly ContainerRecord[] {
  const wanted = toContainerFilter(filter);
  if (!wanted) return [];
  const records = containers.list(wanted.filter);
  return wanted.state === undefined ? records : records.filter((record) => toContainerState(record) === wanted.state);
}
