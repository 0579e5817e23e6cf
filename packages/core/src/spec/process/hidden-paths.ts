import type { ContainerSecurity } from "../../containers/types.ts";

/** Energy counters, fine enough to guess what other processes compute (CVE-2020-8694, PLATYPUS). */
const powerMeters = "/sys/devices/virtual/powercap";

/**
 * The masked and the read-only paths of a container: those of the request; none for a privileged one. Where any are to be masked,
 * the power meters are too, which the list of older kubelets does not name; an empty list is meant (procMount Unmasked).
 */
export function hiddenPaths(security: Pick<ContainerSecurity, "privileged" | "maskedPaths" | "readonlyPaths">): {
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
} {
  if (security.privileged) return { maskedPaths: [], readonlyPaths: [] };
  const masked = security.maskedPaths;
  const more = masked.length === 0 || masked.includes(powerMeters) ? [] : [powerMeters];
  return { maskedPaths: [...masked, ...more], readonlyPaths: [...security.readonlyPaths] };
}
