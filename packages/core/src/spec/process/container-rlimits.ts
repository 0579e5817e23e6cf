import { Code, StatusError } from "@crib/errdefs";
import type { Rlimit } from "@crib/oci-spec";

import type { SpecOptions } from "../types.ts";

/**
 * The limits of a container's process: those configured, nothing else; what is not set is inherited from the shim. None is above
 * `ceilings`, the most that the daemon can give. InvalidArgument for a name that is no `RLIMIT_...` and for a soft limit above
 * the hard one.
 */
export function containerRlimits(
  rlimits: SpecOptions["rlimits"],
  ceilings: ReadonlyMap<string, number> = new Map(),
): readonly Rlimit[] {
  return Object.entries(rlimits).map(([type, { soft, hard }]) => {
    if (!/^RLIMIT_[A-Z]+$/.test(type) || !(soft >= 0 && soft <= hard)) {
      throw new StatusError(Code.InvalidArgument, `reading limit "${type}": ${soft} and ${hard} are no limits`);
    }
    // JSON has no infinity, and no exact number above.
    const ceiling = Math.min(ceilings.get(type) ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return { type, soft: Math.min(soft, ceiling), hard: Math.min(hard, ceiling) };
  });
}
