import { dirname } from "node:path";

import { missingCgroups } from "@crib/linux";

import type { SandboxStore } from "../metadata/sandbox-store.ts";

/** Which cgroups above the pods' own crib has made, by the plans of the rows. */
export interface CgroupOwners {
  /** Those above a pod's cgroup that do not exist, or that another row owns already; deepest first. */
  ownedAbove(cgroupPath: string): readonly string[];
  /** Whether a row other than this one owns the cgroup, so that it must stay. */
  isOwnedByOther(path: string, id: string): boolean;
}

export function createCgroupOwners(store: SandboxStore): CgroupOwners {
  const isOwned = (path: string, except?: string): boolean =>
    store.list().some(({ id, plan }) => id !== except && plan.ownedCgroups.includes(path));
  return {
    ownedAbove(cgroupPath): readonly string[] {
      const parent = dirname(cgroupPath);
      if (parent === "/") return [];
      const missing = missingCgroups(parent);
      const owned = [...missing];
      for (let at = dirname(owned.at(-1) ?? cgroupPath); at !== "/" && isOwned(at); at = dirname(at)) owned.push(at);
      return owned;
    },
    isOwnedByOther: (path, id) => isOwned(path, id),
  };
}
