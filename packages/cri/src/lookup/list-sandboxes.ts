import type { PodSandboxes, SandboxRecord } from "@crib/core/sandbox";
import type { PodSandboxFilter, PodSandboxStatsFilter } from "@crib/wire/cri";

import { toSandboxFilter } from "../validation/sandbox-filter.ts";

/** The records that a filter of the CRI leaves. */
export function listSandboxes(
  sandboxes: PodSandboxes,
  filter: PodSandboxFilter | PodSandboxStatsFilter | undefined,
): readonly SandboxRecord[] {
  const wanted = toSandboxFilter(filter);
  return wanted ? sandboxes.list(wanted) : [];
}
