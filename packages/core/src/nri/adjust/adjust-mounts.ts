import { readMounts } from "@crib/linux";
import type { LinuxSpec, Mount } from "@crib/oci-spec";
import type { Mount as NriMount } from "@crib/wire/nri";

import { inMountingOrder } from "../../spec/mounts/mount-order.ts";
import { checkPropagation } from "../../spec/mounts/propagation.ts";
import { adjustList } from "./entries.ts";

type Propagation = LinuxSpec["rootfsPropagation"];

/** Mounts after plugins' adjustments, in mounting order, and the propagation that the root file system needs for them. */
export interface AdjustedMounts {
  readonly mounts: readonly Mount[];
  readonly rootfsPropagation: Propagation;
}

/**
 * Mounts with those of plugins. One that asks for propagation raises that of the root file system. FailedPrecondition when its source does
 * not propagate that way.
 */
export async function adjustMounts(
  mounts: readonly Mount[],
  rootfsPropagation: Propagation,
  adjustments: readonly NriMount[],
): Promise<AdjustedMounts> {
  if (adjustments.length === 0) return { mounts, rootfsPropagation };
  let raised = rootfsPropagation;
  for (const { destination, source, options } of adjustments) {
    if (destination.startsWith("-")) continue;
    const isShared = options.includes("rshared") || options.includes("shared");
    const isSlave = options.includes("rslave") || options.includes("slave");
    if (!isShared && !isSlave) continue;
    checkPropagation(isShared ? "bidirectional" : "host-to-container", source, await readMounts());
    raised = isShared || raised === "shared" ? "shared" : "slave";
  }
  const adjusted = adjustList(
    mounts,
    ({ destination }) => destination,
    adjustments,
    ({ destination }) => destination,
    toMount,
  );
  return { mounts: inMountingOrder(adjusted), rootfsPropagation: raised };
}

function toMount({ destination, type, source, options }: NriMount): Mount {
  return {
    destination,
    ...(type !== "" && { type }),
    ...(source !== "" && { source }),
    ...(options.length > 0 && { options: [...options] }),
  };
}
