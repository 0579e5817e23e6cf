import { basename, dirname } from "node:path";

import { cgroupDirectoryOf } from "../../stats/cgroup-directory.ts";

/** Name of the pause's cgroup below the pod's, so that the pod's own holds cgroups only, as version 2 wants it. */
const pauseName = "pause";

/** The pause's cgroup in the form of the OCI specification: a path below the pod's or, with systemd cgroups, `slice:crib:ID`. */
export function ociCgroupsPath(cgroupPath: string, id: string, systemd: boolean): string {
  return systemd ? `${basename(dirname(cgroupPath))}:crib:${id}` : `${cgroupPath}/${pauseName}`;
}

/**
 * The cgroup that holds a pod's pause, and with cgroupfs all else of the pod, from what the specification of the pause says;
 * undefined where it says nothing. With systemd it is the scope of the pause alone.
 */
export function podCgroupOf(cgroupsPath: unknown): string | undefined {
  if (typeof cgroupsPath !== "string") return undefined;
  if (!cgroupsPath.startsWith("/")) return cgroupsPath.includes(":") ? cgroupDirectoryOf(cgroupsPath) : undefined;
  // An earlier crib put the pause into the pod's own.
  return basename(cgroupsPath) === pauseName ? dirname(cgroupsPath) : cgroupsPath;
}
