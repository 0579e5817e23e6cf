import { readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";

import type { HostFeatures } from "../types.ts";

/**
 * Gives the specification of a container back. FailedPrecondition when it wants cache or memory bandwidth control (RDT) and the host has
 * no resctrl file system mounted: runtimes leave it out there and say nothing.
 */
export function expectRdt(spec: RuntimeSpec, id: string, features: Pick<HostFeatures, "rdt">): RuntimeSpec {
  if (spec.linux?.intelRdt === undefined || (features.rdt ?? hasResctrl())) return spec;
  throw new StatusError(
    Code.FailedPrecondition,
    `giving container "${id}" RDT: the host has no resctrl file system mounted`,
  );
}

function hasResctrl(): boolean {
  return /^\S+ \S+ resctrl /m.test(readFileSync("/proc/self/mounts", "latin1"));
}
