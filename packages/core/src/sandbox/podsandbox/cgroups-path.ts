import { basename, dirname } from "node:path";

/** Name of the pause's cgroup below the pod's, so that the pod's own holds cgroups only, as version 2 wants it. */
const pauseName = "pause";

/**
 * The pause's cgroup in the form of the OCI specification: a path below the pod's or, with systemd cgroups, `slice:crib:ID`
 * (untested: the development machine has no systemd).
 */
export function ociCgroupsPath(cgroupPath: string, id: string, systemd: boolean): string {
  return systemd ? `${basename(dirname(cgroupPath))}:crib:${id}` : `${cgroupPath}/${pauseName}`;
}

/** The pod's cgroup from what the specification of its pause says; undefined where that is no plain path. */
export function podCgroupOf(cgroupsPath: unknown): string | undefined {
  if (typeof cgroupsPath !== "string" || !cgroupsPath.startsWith("/")) return undefined;
  // An earlier crib put the pause into the pod's own.
  return basename(cgroupsPath) === pauseName ? dirname(cgroupsPath) : cgroupsPath;
}
