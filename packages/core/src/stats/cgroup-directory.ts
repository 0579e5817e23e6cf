import { podCgroupPath } from "../sandbox/pod-names.ts";

/**
 * The cgroup that a `cgroupsPath` of the OCI specification stands for: itself or, in the form `slice:prefix:name`, the scope that
 * runc has systemd make of it.
 */
export function cgroupDirectoryOf(cgroupsPath: string): string {
  const [slice, prefix, name] = cgroupsPath.split(":");
  if (slice === undefined || prefix === undefined || name === undefined) return cgroupsPath;
  const inSlice = podCgroupPath(slice, "").slice(0, -"/crib-".length);
  return `${inSlice}/${prefix === "" ? name : `${prefix}-${name}`}.scope`;
}
