import { basename, dirname } from "node:path";

import type { SandboxPlan } from "../sandbox/types.ts";

/**
 * The cgroup of a container as the OCI specification names it: below the pod's own or, with systemd cgroups,
 * `slice:crib:ID` beside it.
 */
export function containerCgroupPath(pod: Pick<SandboxPlan, "cgroupPath" | "handler">, id: string): string {
  const isSystemd = pod.handler.options["SystemdCgroup"] === true;
  return isSystemd ? `${basename(dirname(pod.cgroupPath))}:crib:${id}` : `${pod.cgroupPath}/crib-${id}`;
}
