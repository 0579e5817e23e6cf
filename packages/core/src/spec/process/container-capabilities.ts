import { Code, StatusError } from "@crib/errdefs";
import type { Capabilities } from "@crib/oci-spec";

import type { ContainerSecurity } from "../../containers/types.ts";
import { knownCapabilities } from "./capability-names.ts";

/** What containers have unless told otherwise; containerd's. */
const defaults = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/**
 * The capability sets of a container: the default ones, or all, or none, where `ALL` is added or dropped; then those added,
 * then without those dropped. Privileged containers have all of `available`. Those that are not available (the daemon lacks
 * them itself) are left out. The inheritable set is empty (CVE-2022-24769) unless ambient ones are asked for, which the kernel
 * only lets be where they are inheritable and permitted (capabilities(7)). InvalidArgument for an unknown name.
 */
export function containerCapabilities(
  security: Pick<ContainerSecurity, "privileged" | "capabilities">,
  available: readonly string[],
): Required<Capabilities> {
  const { add, drop, addAmbient } = security.capabilities;
  const [added, removed, ambientAsked] = [named(add), named(drop), named(addAmbient)];
  const wanted = security.privileged ? available : [...baseOf(add, drop, available), ...added, ...ambientAsked];
  const dropped = new Set(security.privileged ? [] : removed);
  const isAvailable = new Set(available);
  const isKept = (name: string): boolean => isAvailable.has(name) && !dropped.has(name);
  const all = [...new Set(wanted)].filter(isKept);
  const ambient = [...new Set(ambientAsked)].filter(isKept);
  return {
    bounding: all,
    effective: [...all],
    permitted: [...all],
    inheritable: [...ambient],
    ambient,
  };
}

function baseOf(add: readonly string[], drop: readonly string[], available: readonly string[]): readonly string[] {
  if (drop.some(isAll)) return [];
  return add.some(isAll) ? available : defaults;
}

function isAll(name: string): boolean {
  return name.toUpperCase() === "ALL";
}

/** The names in the kernel's spelling, without `ALL`. */
function named(asked: readonly string[]): readonly string[] {
  return asked.flatMap((one) => {
    if (isAll(one)) return [];
    const upper = one.toUpperCase();
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (knownCapabilities.includes(name)) return [name];
    throw new StatusError(Code.InvalidArgument, `reading capabilities: "${one}" is none`);
  });
}
