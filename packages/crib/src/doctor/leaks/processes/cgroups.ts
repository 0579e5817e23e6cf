import type { Finding, LeakCounter } from "../types.ts";
import { listPodCgroups } from "./pod-cgroups.ts";

/** Cgroups named `crib-ID`, in any hierarchy, below any parent. */
export const cgroups: LeakCounter = {
  name: "cgroups",
  async find({ owns, unheld }): Promise<readonly Finding[]> {
    return (await listPodCgroups()).flatMap(({ id, path }) => {
      const why = owns(id) ? unheld(id, "runtime") : undefined;
      if (why === undefined) return [];
      return [{ counter: "cgroups", what: "cgroup", path, why, rowId: id }];
    });
  },
};
