import { basename, dirname } from "node:path";

/**
 * The pod's cgroup in the form of the OCI specification: the path itself or, with systemd cgroups, `slice:crib:ID`
 * (untested: the development machine has no systemd).
 */
export function ociCgroupsPath(cgroupPath: string, id: string, systemd: boolean): string {
  return systemd ? `${basename(dirname(cgroupPath))}:crib:${id}` : cgroupPath;
}
