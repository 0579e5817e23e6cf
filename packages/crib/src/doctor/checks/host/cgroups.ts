import { accessSync, constants } from "node:fs";

import { cgroupLayout } from "@crib/linux";

import { type Check, type CheckResult, fail, ok, warn } from "../types.ts";

const needed = ["cpu", "memory", "pids"];

/** The layout of the cgroup trees, their controllers, and whether they can be written. */
export const cgroups: Check = {
  name: "cgroups",
  run() {
    const { version, hierarchies } = cgroupLayout();
    const controllers = new Set(hierarchies.flatMap((each) => each.controllers));
    const missing = needed.filter((name) => !controllers.has(name));
    const shown = version === "hybrid" ? "versions 1 and 2 (hybrid)" : `version ${version}`;
    const results: CheckResult[] = [];
    if (missing.length === 0) results.push(ok(`${shown}: ${[...controllers].sort().join(", ")}`));
    else {
      const advice = `enable ${missing.join(", ")} (kernel command line, or cgroup.subtree_control of the root)`;
      results.push(warn(`${shown}: no ${missing.join(", ")}; limits of these do not hold`, advice));
    }
    const readOnly = hierarchies.filter(({ mountPoint }) => !isWritable(mountPoint));
    if (readOnly.length > 0) {
      const places = readOnly.map(({ mountPoint }) => mountPoint).join(", ");
      results.push(fail(`not writable: ${places}`, "run crib on the host, or mount the cgroups writable"));
    }
    return results;
  },
};

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
