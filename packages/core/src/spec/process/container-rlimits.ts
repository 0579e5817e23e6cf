import { Code, StatusError } from "@crib/errdefs";
import type { Rlimit } from "@crib/oci-spec";

import type { SpecOptions } from "../types.ts";

/**
 * The limits of a container's process: those configured, nothing else; what is not set is inherited from the shim.
 * InvalidArgument for a name that is no `RLIMIT_...` and for a soft limit above the hard one.
 */
export function containerRlimits(rlimits: SpecOptions["rlimits"]): readonly Rlimit[] {
  return Object.entries(rlimits).map(([type, { soft, hard }]) => {
    const isLimit = /^RLIMIT_[A-Z]+$/.test(type) && soft >= 0 && soft <= hard;
    if (isLimit) return { type, soft, hard };
    throw new StatusError(Code.InvalidArgument, `reading limit "${type}": ${soft} and ${hard} are no limits`);
  });
}
