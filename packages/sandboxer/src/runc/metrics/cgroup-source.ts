import { cgroupDetails, type HugepageUsage, readCgroupFile } from "@crib/linux";

/** The files of one cgroup, as metrics are made of them. */
export interface CgroupSource {
  /** Undefined when the machine has no such controller or file. */
  read(controller: string, file: string): Promise<string | undefined>;
  hugepages(): Promise<readonly HugepageUsage[]>;
}

/** The files of a cgroup of this machine. */
export function cgroupSource(path: string): CgroupSource {
  return {
    read: (controller, file) => readCgroupFile(path, controller, file),
    hugepages: async () => (await cgroupDetails(path)).hugepages,
  };
}
