import { createCgroup, killCgroup, removeCgroup, removeEmptyCgroup } from "@crib/linux";

import type { SandboxStepContext } from "./types.ts";

/** Milliseconds for the processes of a dead pod to go. */
const killMs = 5_000;

/** Makes the pod's cgroup in every hierarchy. */
export async function makeCgroup({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await midpoint();
  await createCgroup(plan.cgroupPath);
}

/** Kills what is left in the pod's cgroup and removes it. Absence is success. */
export async function dropCgroup({ id, plan, deps, midpoint }: SandboxStepContext): Promise<void> {
  // The path ends in the sandbox's own id, so nothing but this pod's processes can be in it.
  await killCgroup(plan.cgroupPath, { timeoutMs: killMs });
  await midpoint();
  await removeCgroup(plan.cgroupPath);
  for (const parent of plan.ownedCgroups) {
    if (deps.cgroups.isOwnedByOther(parent, id)) break;
    await removeEmptyCgroup(parent);
  }
}
