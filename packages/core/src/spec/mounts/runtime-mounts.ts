import { kernelVersion } from "@crib/linux";

import type { SpecInput } from "../types.ts";

/** Whether the pod's OCI runtime makes id-mapped mounts. One that does not know them shows the wrong owners without a word. */
export function canIdmap({ features, handler }: Pick<SpecInput, "features" | "handler">): boolean {
  return features.runtimes?.[handler.name]?.idmappedMounts ?? false;
}

/** Whether kernel (mount_setattr(2) with AT_RECURSIVE, 5.12) and OCI runtime make mounts read-only with all below them. */
export function canMountRecursivelyReadOnly({ features, handler }: Pick<SpecInput, "features" | "handler">): boolean {
  const { major, minor } = kernelVersion();
  const isNewEnough = major > 5 || (major === 5 && minor >= 12);
  return isNewEnough && (features.runtimes?.[handler.name]?.recursiveReadOnlyMounts ?? false);
}
